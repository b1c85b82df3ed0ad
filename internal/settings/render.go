package settings

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes entries as a table: key, value, and where the value came from.
// An empty value shows as "-".
func Print(w io.Writer, entries []Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, e := range entries {
		v := e.Value
		if v == "" {
			v = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Key, v, e.Origin)
	}
	return t.Flush()
}
