package tablestore

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

// Table is a table, with its rows, that exists from the start. It keeps one
// version of each cell, and its rows never expire.
type Table struct {
	Name string
	Key  []KeyColumn
	// Rows are columns by name, including the primary key's: string, int64,
	// float64, bool or []byte.
	Rows []map[string]any
}

// KeyColumn is a column of a primary key: STRING, INTEGER or BINARY.
type KeyColumn struct{ Name, Type string }

// Mistake is a mistake in one row of a Table, or in the Table itself.
type Mistake struct {
	Row int // -1 for the table
	Err error
}

// Check finds the mistakes in a table, without a server.
func Check(t Table) []Mistake {
	scratch := &Server{options: Options{Now: time.Now}, store: &memoryStore{}}
	return scratch.fill("", t)
}

// Fill creates the tables that an instance lacks, each with all its rows or not
// at all. It leaves existing tables as they are.
func (s *Server) Fill(instance string, tables []Table) error {
	for _, t := range tables {
		if mistakes := s.fill(instance, t); len(mistakes) > 0 {
			return fmt.Errorf("fill table %s: %w", t.Name, mistakes[0].Err)
		}
	}
	return nil
}

var errMistakes = errors.New("the table has mistakes")

func (s *Server) fill(instance string, t Table) (mistakes []Mistake) {
	meta := &otsprotocol.TableMeta{TableName: &t.Name}
	for _, k := range t.Key {
		kind, ok := otsprotocol.PrimaryKeyType_value[k.Type]
		if !ok {
			return []Mistake{{-1, fmt.Errorf("the type of the primary key column %s must be STRING, INTEGER or BINARY", k.Name)}}
		}
		meta.PrimaryKey = append(meta.PrimaryKey, &otsprotocol.PrimaryKeySchema{
			Name: proto.String(k.Name), Type: otsprotocol.PrimaryKeyType(kind).Enum(),
		})
	}
	created, err := newTable(&otsprotocol.CreateTableRequest{
		TableMeta: meta, ReservedThroughput: &otsprotocol.ReservedThroughput{CapacityUnit: &otsprotocol.CapacityUnit{}},
	}, s.options.Now())
	if err != nil {
		return []Mistake{{-1, err}}
	}
	err = s.store.update(func(to tx) error {
		if to.get(tableKey(instance, t.Name)) != nil {
			return nil
		}
		if err := created.create(to, instance); err != nil {
			return err
		}
		for i, row := range t.Rows {
			if err := created.put(to, t.Key, row, moment{now: s.options.Now().UnixMilli()}); err != nil {
				mistakes = append(mistakes, Mistake{i, err})
			}
		}
		if len(mistakes) > 0 {
			return errMistakes
		}
		return nil
	})
	if err != nil && len(mistakes) == 0 {
		mistakes = []Mistake{{-1, err}}
	}
	return mistakes
}

// put writes one row that must not be there yet.
func (t *table) put(to tx, schema []KeyColumn, columns map[string]any, m moment) error {
	var out row
	for _, k := range schema {
		v, ok := columns[k.Name]
		if !ok {
			return fmt.Errorf("the primary key column %s is missing", k.Name)
		}
		if c := cellOf(k.Name, v); kindNames[c.value.kind] != k.Type {
			return fmt.Errorf("the primary key column %s must be %s", k.Name, k.Type)
		} else {
			out.key = append(out.key, c)
		}
	}
	for name, v := range columns {
		if !slices.ContainsFunc(schema, func(k KeyColumn) bool { return k.Name == name }) {
			out.cells = append(out.cells, cellOf(name, v))
		}
	}
	slices.SortFunc(out.cells, func(a, b cell) int { return cmp.Compare(a.name, b.name) })
	ch, err := parseChange(otsprotocol.OperationType_PUT, encodeRow(out),
		&otsprotocol.Condition{RowExistence: otsprotocol.RowExistenceExpectation_EXPECT_NOT_EXIST.Enum()}, nil)
	if err == nil {
		_, err = ch.apply(to, t, m)
	}
	var refused *failure
	if errors.As(err, &refused) && refused.code == "OTSConditionCheckFail" {
		return errors.New("another row has this primary key")
	}
	return err
}

var kindNames = map[kind]string{kindString: "STRING", kindInteger: "INTEGER", kindBinary: "BINARY"}

// cellOf is a column with a value of one of the types of Table.Rows.
func cellOf(name string, v any) cell {
	c := cell{name: name, hasValue: true}
	switch v := v.(type) {
	case string:
		c.value = value{kind: kindString, text: v}
	case []byte:
		c.value = value{kind: kindBinary, text: string(v)}
	case int64:
		c.value = value{kind: kindInteger, number: uint64(v)}
	case float64:
		c.value = value{kind: kindDouble, number: math.Float64bits(v)}
	case bool:
		c.value = value{kind: kindBoolean}
		if v {
			c.value.number = 1
		}
	default:
		panic("tablestore: a column of the type " + fmt.Sprintf("%T", v))
	}
	return c
}
