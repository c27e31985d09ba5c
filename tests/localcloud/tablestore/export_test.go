package tablestore

// Recode decodes a PlainBuffer of one row and encodes it again.
func Recode(b []byte) ([]byte, error) {
	r, err := decodeRow(b)
	if err != nil {
		return nil, err
	}
	return encodeRow(r), nil
}

// ParseFilter reports whether bytes are a filter.
func ParseFilter(b []byte) error {
	_, err := parseFilter(b, true)
	return err
}

// Keys is how many keys the server's store holds.
func (s *Server) Keys() (n int) {
	s.store.view(func(t tx) error {
		t.scan([]byte{}, []byte{0xff}, func(_, _ []byte) bool { n++; return true })
		return nil
	})
	return n
}

// Store is a store without transactions of several steps.
type Store struct{ s store }

func OpenMemory() Store { return Store{&memoryStore{}} }

func OpenFile(path string) (Store, error) {
	s, err := openBolt(path, true)
	return Store{s}, err
}

func (s Store) Close() error { return s.s.close() }

// Update writes the values that are not nil, deletes the keys of the others,
// and ends with the given error.
func (s Store) Update(changes map[string][]byte, end error) error {
	return s.s.update(func(t tx) error {
		for k, v := range changes {
			var err error
			if v == nil {
				err = t.delete([]byte(k))
			} else {
				err = t.put([]byte(k), v)
			}
			if err != nil {
				return err
			}
		}
		return end
	})
}

// Scan returns at most limit pairs from first to last as "key=value".
func (s Store) Scan(first, last string, limit int) (pairs []string) {
	s.s.view(func(t tx) error {
		t.scan([]byte(first), []byte(last), func(k, v []byte) bool {
			pairs = append(pairs, string(k)+"="+string(v))
			return len(pairs) < limit
		})
		return nil
	})
	return pairs
}

// Lookup returns a key's value.
func (s Store) Lookup(key string) (v string) {
	s.s.view(func(t tx) error {
		v = string(t.get([]byte(key)))
		return nil
	})
	return v
}
