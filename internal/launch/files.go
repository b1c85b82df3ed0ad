package launch

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// launchFiles keeps the facts of launches in one directory, with one file for
// each node. It knows which generated directories the living processes need.
//
// Neither directory is synced to disk. After a power failure no process lives that
// would need the facts. writeGenerated compares the content of generated files before
// they are used.
type launchFiles struct {
	records, generated string
	live               map[mgmt.NodeName]factsRecord // of living processes
	// lost are launches without facts whose processes may live. It is not known which
	// generated files these processes need.
	lost map[mgmt.NodeName]uint64
}

// factsRecord is the content of a file of launchFiles.
type factsRecord struct {
	Launch uint64
	Facts  Facts
}

const (
	factsSuffix    = ".json"
	maxFactsRecord = 64 << 10 // bytes; zeekfleet's records are shorter
)

func newLaunchFiles(records, generated string) *launchFiles {
	return &launchFiles{records: records, generated: generated, live: map[mgmt.NodeName]factsRecord{}, lost: map[mgmt.NodeName]uint64{}}
}

// path returns the path of a node's file. A node's name is always a valid file name:
// mgmt.CheckName refuses other names.
func (l *launchFiles) path(node mgmt.NodeName) string {
	return filepath.Join(l.records, string(node)+factsSuffix)
}

// keep writes the facts of a launch, and removes the files that no living process
// needs.
func (l *launchFiles) keep(node mgmt.NodeName, number uint64, facts Facts) error {
	rec := factsRecord{number, facts}
	if err := os.MkdirAll(l.records, 0o700); err != nil {
		return fmt.Errorf("record launch of node %s: %w", node, err)
	}
	if err := durable.ReplaceUnsynced(l.path(node), l.path(node)+".new", encodeRecord(rec)); err != nil {
		return fmt.Errorf("record launch of node %s: %w", node, err)
	}
	l.live[node] = rec
	l.sweep()
	return nil
}

// recall returns the facts of a launch. The error says why they are lost.
func (l *launchFiles) recall(node mgmt.NodeName, number uint64) (Facts, error) {
	rec, err := readFacts(l.path(node))
	if err == nil && rec.Launch != number {
		err = fmt.Errorf("launch record %s is that of launch %d, not %d", l.path(node), rec.Launch, number)
	}
	if err != nil {
		l.lost[node] = number
		return Facts{}, err
	}
	l.live[node] = rec
	return rec.Facts, nil
}

func readFacts(path string) (rec factsRecord, err error) {
	text, err := durable.ReadRegular(path, maxFactsRecord)
	if err != nil {
		return rec, fmt.Errorf("launch record: %w", err)
	}
	rec, err = decodeRecord(text)
	if _, ok := errors.AsType[*form.NewerError](err); ok {
		return factsRecord{}, fmt.Errorf("launch record %s was %w", path, err)
	}
	if err != nil {
		return factsRecord{}, fmt.Errorf("launch record %s: %w", path, err)
	}
	return rec, nil
}

// forget removes a launch whose process is gone. The next sweep removes its files.
func (l *launchFiles) forget(node mgmt.NodeName, number uint64) {
	if rec, ok := l.live[node]; ok && rec.Launch == number {
		delete(l.live, node)
	}
	if l.lost[node] == number {
		delete(l.lost, node)
	}
}

// sweep removes the files of launches whose processes are gone. If a file cannot be
// removed, the next sweep tries again. While the facts of a launch are lost, sweep
// removes nothing.
func (l *launchFiles) sweep() {
	if len(l.lost) > 0 {
		return
	}
	used := map[string]bool{}
	for _, rec := range l.live {
		used[rec.Facts.Generated] = true
	}
	removeExcept(l.generated, func(name string) bool { return used[name] })
	removeExcept(l.records, func(name string) bool {
		node, ok := strings.CutSuffix(name, factsSuffix)
		_, live := l.live[mgmt.NodeName(node)]
		return ok && live
	})
}

func removeExcept(dir string, keep func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !keep(e.Name()) {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// writeGenerated writes g's files to g's directory below base. It does not touch a
// directory that has exactly these files: a process may be reading them.
func writeGenerated(g zeek.Generated, base string) error {
	dir := g.Dir(base)
	if isWritten(g, dir) {
		return nil
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return fmt.Errorf("generate scripts: %w", err)
	}
	fresh, err := os.MkdirTemp(base, ".new-")
	if err != nil {
		return fmt.Errorf("generate scripts: %w", err)
	}
	defer os.RemoveAll(fresh)
	for _, f := range g.Files {
		if err := writeFile(filepath.Join(fresh, f.Name), []byte(f.Content), f.Mode); err != nil {
			return fmt.Errorf("generate scripts: %w", err)
		}
	}
	// A directory with other files is left from a power failure, or was changed.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("generate scripts: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("generate scripts: %w", err)
	}
	return nil
}

// writeShared is writeGenerated for files that a user of nodes reads.
func writeShared(g zeek.Generated, base string, user *proc.User) error {
	if err := writeGenerated(g, base); err != nil || user == nil {
		return err
	}
	if err := errors.Join(os.Chmod(base, 0o711), user.MayRead(g.Dir(base))); err != nil {
		return fmt.Errorf("let the user of nodes read generated scripts: %w", err)
	}
	return nil
}

// isWritten reports whether dir has g's files and no others.
func isWritten(g zeek.Generated, dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name()] = true
	}
	for _, f := range g.Files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil || !bytes.Equal(text, []byte(f.Content)) {
			return false
		}
		delete(have, f.Name)
	}
	return len(have) == 0
}

// writeFile writes a new file that has exactly this mode.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), f.Close())
}
