package tablestore

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// memoryStore is a treap whose nodes never change: an update builds a new
// root next to the old one, so that views need no lock and an update that
// fails leaves nothing behind.
type memoryStore struct {
	writer sync.Mutex
	root   atomic.Pointer[node]
}

type node struct {
	key, value  []byte
	priority    uint64
	left, right *node
}

func (s *memoryStore) view(f func(tx) error) error {
	return f(&memoryTx{root: s.root.Load()})
}

func (s *memoryStore) update(f func(tx) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	t := &memoryTx{root: s.root.Load()}
	if err := f(t); err != nil {
		return err
	}
	s.root.Store(t.root)
	return nil
}

func (s *memoryStore) close() error { return nil }

type memoryTx struct {
	root *node
}

func (t *memoryTx) get(key []byte) []byte {
	for n := t.root; n != nil; {
		switch bytes.Compare(key, n.key) {
		case -1:
			n = n.left
		case 1:
			n = n.right
		default:
			return n.value
		}
	}
	return nil
}

func (t *memoryTx) put(key, value []byte) error {
	t.root = insert(t.root, &node{key: bytes.Clone(key), value: bytes.Clone(value), priority: rand.Uint64()})
	return nil
}

func (t *memoryTx) delete(key []byte) error {
	if t.get(key) != nil {
		t.root = remove(t.root, key)
	}
	return nil
}

func (t *memoryTx) scan(first, last []byte, f func(key, value []byte) bool) {
	if bytes.Compare(first, last) <= 0 {
		rising(t.root, first, last, f)
	} else {
		falling(t.root, first, last, f)
	}
}

func rising(n *node, first, last []byte, f func(key, value []byte) bool) bool {
	if n == nil {
		return true
	}
	within := bytes.Compare(n.key, first) >= 0
	if within && !rising(n.left, first, last, f) {
		return false
	}
	if bytes.Compare(n.key, last) >= 0 {
		return true
	}
	if within && !f(n.key, n.value) {
		return false
	}
	return rising(n.right, first, last, f)
}

func falling(n *node, first, last []byte, f func(key, value []byte) bool) bool {
	if n == nil {
		return true
	}
	within := bytes.Compare(n.key, first) <= 0
	if within && !falling(n.right, first, last, f) {
		return false
	}
	if bytes.Compare(n.key, last) <= 0 {
		return true
	}
	if within && !f(n.key, n.value) {
		return false
	}
	return falling(n.left, first, last, f)
}

// insert returns a tree of the nodes under n and added, which replaces a node
// with the same key.
func insert(n, added *node) *node {
	if n == nil {
		return added
	}
	order := bytes.Compare(added.key, n.key)
	if order == 0 {
		return &node{n.key, added.value, n.priority, n.left, n.right}
	}
	if added.priority > n.priority && !holds(n, added.key) {
		left, right := split(n, added.key)
		return &node{added.key, added.value, added.priority, left, right}
	}
	if order < 0 {
		return &node{n.key, n.value, n.priority, insert(n.left, added), n.right}
	}
	return &node{n.key, n.value, n.priority, n.left, insert(n.right, added)}
}

func holds(n *node, key []byte) bool {
	t := memoryTx{root: n}
	return t.get(key) != nil
}

// split divides a tree without key into the smaller and the greater keys.
func split(n *node, key []byte) (smaller, greater *node) {
	if n == nil {
		return nil, nil
	}
	if bytes.Compare(n.key, key) < 0 {
		middle, greater := split(n.right, key)
		return &node{n.key, n.value, n.priority, n.left, middle}, greater
	}
	smaller, middle := split(n.left, key)
	return smaller, &node{n.key, n.value, n.priority, middle, n.right}
}

func remove(n *node, key []byte) *node {
	switch bytes.Compare(key, n.key) {
	case -1:
		return &node{n.key, n.value, n.priority, remove(n.left, key), n.right}
	case 1:
		return &node{n.key, n.value, n.priority, n.left, remove(n.right, key)}
	}
	return merge(n.left, n.right)
}

// merge joins two trees; all keys of a are smaller than those of b.
func merge(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		return &node{a.key, a.value, a.priority, a.left, merge(a.right, b)}
	}
	return &node{b.key, b.value, b.priority, merge(a, b.left), b.right}
}
