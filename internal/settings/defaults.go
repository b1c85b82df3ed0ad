package settings

import (
	"strings"
	"time"
)

// Defaults are the values of settings that nobody has set and that are fields of
// other packages. Each value stands in the package whose field it is, and package
// app collects them. All other defaults are in the tables of this package.
type Defaults struct {
	Controller Controller
	Agent      Agent
}

// fill sets the default of each setting that has its default in d.
func fill[T any](table []setting[T], d T) []setting[T] {
	for i, s := range table {
		if s.packages {
			table[i].initial = brief(s.field(&d).text())
		}
	}
	return table
}

// brief shortens a time: 1m0s becomes 1m. Other texts stay as they are.
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
