package native_test

import (
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// longSet returns a set of more than 8 kB. Sets of different numbers differ at their ends.
func longSet(number int, inner ...zval.Value) zval.Value {
	elems := append([]zval.Value{zval.Count(uint64(number))}, inner...)
	for i := range 600 {
		elems = append(elems, zval.String(fmt.Sprintf("element %08d", i)))
	}
	return zval.Set(elems...)
}

// wrapped returns v within so many vectors.
func wrapped(v zval.Value, times int) zval.Value {
	for range times {
		v = zval.Vector(zval.Count(1), v, zval.String("after"))
	}
	return v
}

func TestASetThatComesAgainIsDecodedOnce(t *testing.T) {
	set := longSet(1)
	var m native.Memory
	first, err := m.Decode(native.Encode(wrapped(set, 1)), native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Decode(native.Encode(wrapped(set, 3)), native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !zval.Equal(again, wrapped(set, 3)) {
		t.Fatal("the second message is another one")
	}
	inner := again.Elems()[1].Elems()[1].Elems()[1]
	if &inner.Elems()[0] != &first.Elems()[1].Elems()[0] {
		t.Error("the set was decoded twice")
	}
	runtime.KeepAlive(m)
}

// A Memory changes nothing of what is decoded, and of what is refused.
func TestWhatIsRememberedChangesNoResult(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m native.Memory
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			v := longSet(rapid.IntRange(0, 2).Draw(t, "number"))
			if rapid.Bool().Draw(t, "nests") {
				v = longSet(7, wrapped(v, rapid.IntRange(0, 3).Draw(t, "within")))
			}
			v = wrapped(v, rapid.IntRange(0, 5).Draw(t, "depth"))
			if rapid.Bool().Draw(t, "twice") {
				v = zval.Vector(v, v)
			}
			buf := native.Encode(v)
			if rapid.Bool().Draw(t, "is damaged") {
				buf[rapid.IntRange(0, len(buf)-1).Draw(t, "at")] ^= 1
			}
			buf = buf[:len(buf)-rapid.IntRange(0, 1).Draw(t, "cut")]
			lim := native.Limits{Depth: rapid.IntRange(1, 12).Draw(t, "allowed depth"), Elements: rapid.SampledFrom([]int{0, 602, 607, 1210, 1300}).Draw(t, "elements")}
			want, refused := native.Decode(buf, lim)
			got, err := m.Decode(buf, lim)
			if (refused == nil) != (err == nil) {
				t.Fatalf("a memory makes %v of %v", err, refused)
			}
			if err == nil && (!zval.Equal(got, want) || string(native.Encode(got)) != string(buf)) {
				t.Fatal("a memory makes another value of a message")
			}
		}
	})
}

func BenchmarkDecodeAgain(b *testing.B) {
	buf := native.Encode(wrapped(longSet(1), 2))
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			native.Decode(buf, native.Limits{})
		}
	})
	b.Run("remembered", func(b *testing.B) {
		var m native.Memory
		for b.Loop() {
			v, _ := m.Decode(buf, native.Limits{})
			runtime.KeepAlive(v)
		}
	})
}
