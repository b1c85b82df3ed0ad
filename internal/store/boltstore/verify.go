package boltstore

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// verify returns an error if bbolt cannot use the file. bbolt asserts its own format
// and reads through a memory map, so a damaged page would end the process. verify
// checks:
//
//   - Each page that can be reached is in the file, has the type that its parent
//     expects, is used once, and is not in the free list.
//   - Each other page is in the free list.
//   - Keys are in order and in bounds.
//
// verify reads the structure but not the values. It visits each page at most once.
//
// The format is version 2 of bbolt's format, as in bbolt's package internal/common.
// Integers have the byte order of the machine.
func verify(r io.ReaderAt, size int64) error {
	m, err := readMeta(r, size)
	if err != nil {
		return err
	}
	v := &verifier{file: r, meta: m, used: make(map[uint64]bool)}
	if err := v.bucketTree(m.root); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := v.freelist(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	// Damage has cut such a page off its tree.
	for id := uint64(2); id < m.pages; id++ {
		if !v.used[id] {
			return fmt.Errorf("%w: page %d is neither used nor free", ErrDamaged, id)
		}
	}
	return nil
}

const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64

	// The smallest and largest page size that bbolt tries.
	minPageSize = 1 << 10
	maxPageSize = 1 << 24
)

// meta is the content of a valid meta page.
type meta struct {
	pageSize uint64
	root     uint64 // the page of the bucket of buckets
	freelist uint64
	pages    uint64 // all page numbers are smaller
	tx       uint64
}

// readMeta returns the newer of the two meta pages, which is the one that bbolt uses.
// It returns an error if one of them is damaged: bbolt would use the other, which may
// be the older one, and would return older entries. An interrupted save damages
// neither, because bbolt writes a meta page at once.
func readMeta(r io.ReaderAt, size int64) (meta, error) {
	first, err := parseMeta(r, 0)
	if err != nil {
		for at := int64(minPageSize); at <= maxPageSize && at < size; at *= 2 {
			if m, err := parseMeta(r, at); err == nil && int64(m.pageSize) == at {
				return meta{}, fmt.Errorf("%w: the first of its two meta pages is damaged, and the other one may be older", ErrDamaged)
			}
		}
		return meta{}, fmt.Errorf("%w: it does not begin like a state file", ErrForeign)
	}
	if have := uint64(size) / first.pageSize; have < first.pages || have < 4 {
		return meta{}, fmt.Errorf("%w: cut short: it has %d of %d pages", ErrDamaged, have, first.pages)
	}
	second, err := parseMeta(r, int64(first.pageSize))
	switch {
	case err != nil || second.pageSize != first.pageSize:
		return meta{}, fmt.Errorf("%w: the second of its two meta pages is damaged, and the other one may be older", ErrDamaged)
	case second.tx+1 != first.tx && first.tx+1 != second.tx:
		return meta{}, fmt.Errorf("%w: its two meta pages belong to saves %d and %d, which are not consecutive", ErrDamaged, first.tx, second.tx)
	case second.tx > first.tx:
		first = second
	}
	if have := uint64(size) / first.pageSize; have < first.pages {
		return meta{}, fmt.Errorf("%w: cut short: it has %d of %d pages", ErrDamaged, have, first.pages)
	}
	return first, nil
}

func parseMeta(r io.ReaderAt, at int64) (meta, error) {
	buf := make([]byte, pageHeaderSize+metaSize)
	if _, err := r.ReadAt(buf, at); err != nil {
		return meta{}, err
	}
	b := buf[pageHeaderSize:]
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	switch {
	case order.Uint32(b) != metaMagic:
		return meta{}, fmt.Errorf("no magic number")
	case order.Uint32(b[4:]) != metaVersion:
		return meta{}, fmt.Errorf("format version %d", order.Uint32(b[4:]))
	case order.Uint64(b[56:]) != sum.Sum64():
		return meta{}, fmt.Errorf("checksum mismatch")
	}
	m := meta{
		pageSize: uint64(order.Uint32(b[8:])),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		tx:       order.Uint64(b[48:]),
	}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0 {
		return meta{}, fmt.Errorf("page size %d", m.pageSize)
	}
	return m, nil
}

type verifier struct {
	file io.ReaderAt
	meta meta
	used map[uint64]bool
}

// bucketTree checks the tree at page id. Its values must be buckets.
func (v *verifier) bucketTree(id uint64) error {
	return v.tree(id, keyRange{}, func(name, value []byte, isBucket bool) error {
		if !isBucket {
			return fmt.Errorf("entry %.20q outside all buckets", name)
		}
		return v.bucket(name, value)
	})
}

// bucket checks one bucket. Its value begins with a header of 16 bytes, which contains
// the page of the bucket's tree. If that page is 0, a leaf page follows the header.
func (v *verifier) bucket(name, value []byte) error {
	if len(value) < bucketHeaderSize {
		return fmt.Errorf("bucket %.20q has a header of %d bytes", name, len(value))
	}
	plain := func(key, _ []byte, isBucket bool) error {
		if isBucket {
			return fmt.Errorf("bucket %.20q contains a bucket", name)
		}
		return nil
	}
	if root := order.Uint64(value); root != 0 {
		return v.tree(root, keyRange{}, plain)
	}
	p, err := parsePage(bytes.NewReader(value[bucketHeaderSize:]), uint64(len(value)-bucketHeaderSize))
	if err != nil {
		return fmt.Errorf("bucket %.20q: %w", name, err)
	}
	if p.flags != leafPage {
		return fmt.Errorf("bucket %.20q: inline page of type %#x", name, p.flags)
	}
	return p.leaf(keyRange{}, plain)
}

// tree checks the page id and all pages below it.
func (v *verifier) tree(id uint64, keys keyRange, visit visitor) error {
	p, err := v.page(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case leafPage:
		err = p.leaf(keys, visit)
	case branchPage:
		err = p.branch(keys, func(child uint64, keys keyRange) error {
			return v.tree(child, keys, visit)
		})
	default:
		err = fmt.Errorf("unexpected type %#x", p.flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// page reads the header of page id. It marks the page and its overflow pages as used.
func (v *verifier) page(id uint64) (page, error) {
	if id < 2 || id >= v.meta.pages {
		return page{}, fmt.Errorf("page %d is outside 2..%d", id, v.meta.pages-1)
	}
	at := int64(id * v.meta.pageSize)
	rest := (v.meta.pages - id) * v.meta.pageSize
	p, err := parsePage(io.NewSectionReader(v.file, at, int64(rest)), rest)
	if err != nil {
		return page{}, fmt.Errorf("page %d: %w", id, err)
	}
	n := 1 + uint64(p.overflow)
	if p.id != id || n > v.meta.pages-id {
		return page{}, fmt.Errorf("page %d says it is page %d, with %d overflow pages", id, p.id, p.overflow)
	}
	p.size = n * v.meta.pageSize
	for i := range n {
		if v.used[id+i] {
			return page{}, fmt.Errorf("page %d is used twice", id+i)
		}
		v.used[id+i] = true
	}
	return p, nil
}

// freelist checks the list of free pages.
func (v *verifier) freelist() error {
	p, err := v.page(v.meta.freelist)
	if err != nil {
		return fmt.Errorf("free list: %w", err)
	}
	ids, err := p.freeIDs()
	if err != nil {
		return fmt.Errorf("free list: %w", err)
	}
	if !slices.IsSorted(ids) {
		return fmt.Errorf("free list: out of order")
	}
	for _, id := range ids {
		if id < 2 || id >= v.meta.pages || v.used[id] {
			return fmt.Errorf("free list: page %d is not free", id)
		}
		v.used[id] = true
	}
	return nil
}
