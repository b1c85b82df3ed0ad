package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what is measured. Its zero value makes the figures of the default run, with
// the program of this process.
type Config struct {
	// Only names the figures. Empty means those of the default run.
	Only []string
	// Full makes all figures, also those that take long. It has no effect with Only.
	Full bool
	// Zeek makes the nodes of the small cluster run the Zeek that is found. False means
	// embedded nodes, even if there is a Zeek.
	Zeek bool
	// Program is the program that is measured. Empty means that of this process.
	Program string
	// Source is the top directory of the source of the program. The program of sensors is built
	// there, and measured. Empty means that there is none.
	Source string
	// Write is a file whose table is replaced. Empty means none.
	Write string
	// Version is the version of the program, for the table.
	Version string
	// Out gets the figures as they are made. Nil means nowhere.
	Out io.Writer
}

// A measurement makes figures. Its directory is empty at the start of a run, and is removed
// afterwards. The measurements of one run share it.
type measurement struct {
	name    string
	byName  bool // takes long: it is made if somebody asks for it
	measure func(ctx context.Context, dir string) ([]figure, error)
}

// measurements returns all measurements, in the order of the table.
func (l *lab) measurements() []measurement {
	return []measurement{
		{"codecs", false, codecs},
		{"peering", false, peering},
		{"cluster", false, l.cluster},
		{"fleet", false, fleet},
		{"deploys", false, deploys},
		{"commands", false, commands},
		{"up", false, upTime},
		{"idle", false, idle},
		{"size", false, l.sizes},
		{"growth", true, l.growth},
		{"samples", true, sampling},
		{"mutual", true, mutual},
		{"audit", true, auditing},
		{"events", true, events},
		{"siege", true, siege},
		{"greed", true, greed},
		{"revisions", true, revisions},
		{"told", true, told},
		{"scale", true, scale},
		{"simulation", true, simulation},
		{"some", true, many(someAgents)},
		{"many", true, many(manyAgents)},
	}
}

// Names returns the names of all figures: those of the default run, and the others.
func Names() (usual, others []string) {
	for _, m := range new(lab).measurements() {
		if m.byName {
			others = append(others, m.name)
		} else {
			usual = append(usual, m.name)
		}
	}
	return usual, others
}

// lab is what the measurements of a run share.
type lab struct {
	zeek   bool
	source string
}

// Run makes figures. One that cannot be made does not keep the others from being made: it
// is in the table with the reason, and Run returns an error at the end. A figure beyond its
// budget is no error.
func Run(ctx context.Context, cfg Config) error {
	cfg.Out = cmp.Or[io.Writer](cfg.Out, io.Discard)
	l := &lab{zeek: cfg.Zeek, source: cfg.Source}
	chosen, err := l.choose(cfg)
	if err != nil {
		return err
	}
	if cfg.Write != "" {
		if _, err := readPage(cfg.Write); err != nil { // before the minutes that the figures take
			return err
		}
	}
	dir, err := os.MkdirTemp("", "zeekfleet-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := installProgram(dir, cfg.Program); err != nil {
		return err
	}
	tables, failed := l.measureAll(ctx, dir, chosen, cfg.Out)
	if cfg.Write != "" && len(tables) > 0 {
		if err := writePage(cfg.Write, tables, thisMachine(cfg.Version, tables)); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("could not be measured: %s", strings.Join(failed, ", "))
	}
	return nil
}

// choose returns the measurements that cfg asks for.
func (l *lab) choose(cfg Config) (chosen []measurement, err error) {
	all := l.measurements()
	for _, name := range cfg.Only {
		if !slices.ContainsFunc(all, func(m measurement) bool { return m.name == name }) {
			usual, others := Names()
			return nil, fmt.Errorf("there is no figure %q: there are %s and, by name only, %s",
				name, strings.Join(usual, ", "), strings.Join(others, ", "))
		}
	}
	for _, m := range all {
		if len(cfg.Only) == 0 && (!m.byName || cfg.Full) || slices.Contains(cfg.Only, m.name) {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}

// measureAll makes measurements until ctx is done, and prints each. failed are the names of
// those that could not be made.
func (l *lab) measureAll(ctx context.Context, dir string, chosen []measurement, out io.Writer) (tables []table, failed []string) {
	for _, m := range chosen {
		if ctx.Err() != nil {
			break
		}
		t := table{name: m.name}
		began := time.Now()
		ref, err := newReference()
		if err == nil {
			t.figures, err = m.measure(ctx, dir)
		}
		if ctx.Err() != nil {
			break // what was cut off is no failure of the measurement
		}
		if err != nil {
			failed = append(failed, m.name)
			t.figures = append(t.figures, figure{what: m.name, missing: oneLine(err.Error())})
		}
		if ref.complete(t.figures) != nil {
			failed = append(failed, m.name)
		}
		t.reference, t.took = ref, time.Since(began)
		t.print(out)
		tables = append(tables, t)
	}
	return tables, failed
}

// oneLine returns the beginning of s, in one line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 200)]
}

// installProgram puts the program that is measured into dir. Processes of the measurements
// are started with that name.
func installProgram(dir, program string) error {
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return err
		}
	}
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	return os.Symlink(program, filepath.Join(dir, "zeekfleet"))
}
