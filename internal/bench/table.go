package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A table is the figures of one measurement.
type table struct {
	name      string
	figures   []figure
	reference *reference
	took      time.Duration
}

// heading says which measurement it was, and how fast the machine was.
func (t table) heading() string {
	return fmt.Sprintf("%s: echo of 64 B %.1f µs", t.name, float64(t.reference.small())/1000)
}

func (t table) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s, took %.1f s\n", t.heading(), t.took.Seconds())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(columns, "\t")))
	for _, f := range t.figures {
		fmt.Fprintln(w, strings.Join(f.cells(t.reference), "\t"))
	}
	w.Flush()
}

// markdown returns the table with its heading.
func (t table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n\n", tableHead, t.heading())
	row := func(cells []string) {
		escaped := slices.Clone(cells)
		for i, c := range cells {
			escaped[i] = strings.ReplaceAll(c, "|", "\\|")
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(escaped, " | "))
	}
	row(columns)
	b.WriteString("|---|--:|--:|--:|---|---|---|---|\n")
	for _, f := range t.figures {
		row(f.cells(t.reference))
	}
	return b.String()
}

// The lines between which the tables of a page stand. Everything else of the page is prose,
// and is left alone.
const (
	beginTables = "<!-- zeekfleet bench writes from here -->\n"
	endTables   = "<!-- zeekfleet bench writes to here -->\n"
	tableHead   = "### "
)

// A page is a file with tables.
type page struct{ before, tables, after string }

func readPage(path string) (p page, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	before, rest, begins := strings.Cut(string(text), beginTables)
	tables, after, ends := strings.Cut(rest, endTables)
	if !begins || !ends {
		return p, fmt.Errorf("%s has no place for the tables: it needs the line %q and below it the line %q",
			path, strings.TrimSpace(beginTables), strings.TrimSpace(endTables))
	}
	return page{before, tables, after}, nil
}

// writePage replaces the tables of a page by those that were measured. It leaves the
// tables of other measurements alone.
func writePage(path string, measured []table, machine string) error {
	p, err := readPage(path)
	if err != nil {
		return err
	}
	_, old, _ := strings.Cut("\n"+p.tables, "\n"+tableHead)
	var b bytes.Buffer
	b.WriteString(p.before + beginTables + machine)
	written := map[string]bool{}
	add := func(name, text string) {
		if !written[name] {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(text))
			written[name] = true
		}
	}
	fresh := map[string]string{}
	for _, t := range measured {
		fresh[t.name] = t.markdown()
	}
	kept := map[string]string{}
	for part := range strings.SplitSeq(old, "\n"+tableHead) {
		name, _, _ := strings.Cut(part, ":")
		kept[name] = tableHead + part
	}
	for _, m := range new(lab).measurements() { // in the order of the list
		if text, ok := fresh[m.name]; ok {
			add(m.name, text)
		} else if text, ok := kept[m.name]; ok {
			add(m.name, text)
		}
	}
	b.WriteString("\n" + endTables + p.after)
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// thisMachine describes the machine, without its name, and the run.
func thisMachine(version string, tables []table) string {
	echoes := make([]float64, 0, len(tables))
	for _, t := range tables {
		echoes = append(echoes, float64(t.reference.small())/1000)
	}
	middle := median(echoes)
	var kernel unix.Utsname
	_ = unix.Uname(&kernel) // cannot fail with a pointer to a struct
	return fmt.Sprintf("zeekfleet %s, %s, %d processors (%s), Linux %s, %s. Echo of 64 B in this run: %.1f µs, from %.1f to %.1f.\n",
		version, runtime.Version(), runtime.NumCPU(), processor(), unix.ByteSliceToString(kernel.Release[:]),
		time.Now().UTC().Format(time.DateOnly), middle, echoes[0], echoes[len(echoes)-1])
}

// processor returns the name of the processor's model.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, found := strings.Cut(string(text), "model name")
	name, _, _ := strings.Cut(rest, "\n")
	if _, name, _ = strings.Cut(name, ":"); !found || name == "" {
		return runtime.GOARCH
	}
	return strings.TrimSpace(name)
}
