package mgmt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the units of amounts of memory, largest first.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads an amount of memory such as 8GiB, of at least lowest bytes, or 0 for none.
func ParseSize(text string, lowest uint64) (uint64, error) {
	number, unit := strings.TrimSpace(text), uint64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n != 0 && n*unit < lowest {
		return 0, fmt.Errorf("neither 0 nor at least %s, such as 512MiB or 8GiB", SizeText(lowest))
	}
	return n * unit, nil
}

// SizeText writes an amount in the largest unit that divides it, as ParseSize reads it.
func SizeText(n uint64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatUint(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}
