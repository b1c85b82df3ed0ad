package settings

import (
	"strings"
	"time"
)

// Defaults are the values of those settings that are fields of the packages which
// do the work: such a value stands where its field is documented. Package app
// collects them. All other defaults are in the tables of this package.
type Defaults struct {
	Controller Controller
	Agent      Agent
}

// fill gives each setting of a package its default, which is a field of d.
func fill[T any](table []setting[T], d T) []setting[T] {
	for i, s := range table {
		if s.packages {
			table[i].initial = brief(s.field(&d).text())
		}
	}
	return table
}

// brief writes a time without the units of which there are none: 1m0s as 1m. Other
// texts stay as they are.
func brief(text string) string {
	if _, err := time.ParseDuration(text); err != nil {
		return text
	}
	for _, none := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}
