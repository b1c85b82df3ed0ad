package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	pageHeaderSize   = 16
	elementSize      = 16
	bucketHeaderSize = 16

	bucketFlag = 1
)

var order = binary.NativeEndian

// A page is the header of one of bbolt's pages. r reads the page.
type page struct {
	id       uint64
	flags    uint16
	count    uint16
	overflow uint32

	r    io.ReaderAt
	size uint64 // bytes of the page, overflow pages included
}

// keyRange says which key may be the next one of a page. If first is not nil, the
// key must be first. Otherwise the key must be above after and below to; nil means
// no bound.
type keyRange struct{ first, after, to []byte }

func (r keyRange) allows(key []byte) bool {
	if r.first != nil {
		return bytes.Equal(key, r.first)
	}
	return bytes.Compare(key, r.after) > 0 && (r.to == nil || bytes.Compare(key, r.to) < 0)
}

// A visitor sees each entry of a leaf page. value is nil unless the entry is a
// bucket.
type visitor func(key, value []byte, isBucket bool) error

func parsePage(r io.ReaderAt, size uint64) (page, error) {
	p := page{r: r, size: size}
	b, err := p.read(0, pageHeaderSize)
	if err != nil {
		return page{}, err
	}
	p.id = order.Uint64(b)
	p.flags = order.Uint16(b[8:])
	p.count = order.Uint16(b[10:])
	p.overflow = order.Uint32(b[12:])
	return p, nil
}

// read returns n bytes at the offset at. It returns an error if they are not all in
// the page.
func (p page) read(at, n uint64) ([]byte, error) {
	if at > p.size || n > p.size-at {
		return nil, fmt.Errorf("%d bytes at %d exceed the page", n, at)
	}
	b := make([]byte, n)
	// A reader may report its end together with the last bytes.
	if got, err := p.r.ReadAt(b, int64(at)); got < len(b) {
		return nil, fmt.Errorf("read %d bytes at %d: %w", n, at, err)
	}
	return b, nil
}

// elements returns the element table. It follows the header.
func (p page) elements() ([]byte, error) {
	return p.read(pageHeaderSize, uint64(p.count)*elementSize)
}

func (p page) leaf(keys keyRange, visit visitor) error {
	if p.count == 0 && keys.first != nil {
		return fmt.Errorf("leaf without entries below a branch")
	}
	table, err := p.elements()
	if err != nil {
		return err
	}
	// bbolt writes the entries without gaps. A gap means that the page's count is
	// damaged and that the last entries are missing.
	end := pageHeaderSize + uint64(p.count)*elementSize
	for i := range uint64(p.count) {
		e := table[i*elementSize:]
		flags, pos := order.Uint32(e), uint64(order.Uint32(e[4:]))
		ksize, vsize := uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))

		at := pageHeaderSize + i*elementSize + pos // a position counts from its element
		if at != end {
			return fmt.Errorf("entry %d begins at %d, not at %d", i, at, end)
		}
		end += ksize + vsize
		key, err := p.key(at, ksize, keys)
		if err != nil {
			return err
		}
		keys.first, keys.after = nil, key
		isBucket := flags&bucketFlag != 0
		var value []byte
		if isBucket {
			value, err = p.read(at+ksize, vsize)
		} else if at+ksize+vsize > p.size {
			err = fmt.Errorf("value of %.20x exceeds the page", key)
		}
		if err != nil {
			return err
		}
		if err := visit(key, value, isBucket); err != nil {
			return err
		}
	}
	return nil
}

// branch calls child for each child page, with the keys that the child may have:
// from its own key in the branch to below the key of the next child. The child's
// first key must be its key in the branch, because bbolt finds pages by that key
// when it merges them.
func (p page) branch(keys keyRange, child func(id uint64, keys keyRange) error) error {
	if p.count == 0 {
		return fmt.Errorf("branch without children")
	}
	table, err := p.elements()
	if err != nil {
		return err
	}
	ids := make([]uint64, p.count)
	bounds := make([][]byte, p.count, p.count+1)
	end := pageHeaderSize + uint64(p.count)*elementSize // without gaps, as in a leaf
	for i := range uint64(p.count) {
		e := table[i*elementSize:]
		pos, ksize := uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))
		ids[i] = order.Uint64(e[8:])
		at := pageHeaderSize + i*elementSize + pos
		if at != end {
			return fmt.Errorf("child %d begins at %d, not at %d", i, at, end)
		}
		end += ksize
		if bounds[i], err = p.key(at, ksize, keys); err != nil {
			return err
		}
		keys.first, keys.after = nil, bounds[i]
	}
	bounds = append(bounds, keys.to)
	for i, id := range ids {
		if err := child(id, keyRange{first: bounds[i], to: bounds[i+1]}); err != nil {
			return err
		}
	}
	return nil
}

func (p page) key(at, size uint64, keys keyRange) ([]byte, error) {
	const maxKeySize = 32768 // bbolt.MaxKeySize
	if size == 0 || size > maxKeySize {
		return nil, fmt.Errorf("key of %d bytes", size)
	}
	key, err := p.read(at, size)
	if err != nil {
		return nil, err
	}
	if !keys.allows(key) {
		return nil, fmt.Errorf("key %.20x out of order", key)
	}
	return key, nil
}

// freeIDs returns the page numbers in a free list. A count of 0xFFFF says that
// the first number is the count.
func (p page) freeIDs() ([]uint64, error) {
	if p.flags != freelistPage {
		return nil, fmt.Errorf("unexpected type %#x", p.flags)
	}
	at, n := uint64(pageHeaderSize), uint64(p.count)
	if n == 0xFFFF {
		b, err := p.read(at, 8)
		if err != nil {
			return nil, err
		}
		at, n = at+8, order.Uint64(b)
	}
	if n > p.size/8 {
		return nil, fmt.Errorf("%d entries exceed the page", n)
	}
	b, err := p.read(at, n*8)
	if err != nil {
		return nil, err
	}
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = order.Uint64(b[i*8:])
	}
	return ids, nil
}
