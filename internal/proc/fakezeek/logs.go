package fakezeek

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// openLog is a log that the node is writing.
type openLog struct {
	path   string // "conn"
	opened time.Time
}

// file is the path of the open log, relative to the working directory.
func (l openLog) file() string { return l.path + ".log" }

// openLogs creates the logs.
func (n *node) openLogs() error {
	for _, path := range n.logPaths {
		l := openLog{path, time.Now()}
		text := fmt.Sprintf("#path\t%s\n#fields\tts\tnode\n%d.000000\t%s\n", path, l.opened.Unix(), n.name)
		if err := os.WriteFile(l.file(), []byte(text), 0o644); err != nil {
			return fatalf("can't open %s: %v", l.file(), err)
		}
		n.logs = append(n.logs, l)
	}
	return nil
}

// rotationFunc matches the return value of the rotation function: the directory for
// rotated logs, and the format that makes a file name from the log's path, opening
// time and closing time.
var rotationFunc = regexp.MustCompile(`Log::RotationPath\(\$dir=("(?:[^"\\]|\\.)*"), \$file_basename=fmt\(("(?:[^"\\]|\\.)*")`)

// rotateLogs moves the logs to the directory that the rotation function names.
// Without a rotation function Zeek passes the logs to a command that only
// ZeekControl has.
func (n *node) rotateLogs() error {
	if len(n.logs) == 0 {
		return nil
	}
	m := rotationFunc.FindStringSubmatch(n.scripts.text.String())
	if m == nil || n.str("Log::default_rotation_postprocessor_cmd") != "" {
		fmt.Fprintln(n.err, "sh: 1: archive-log: not found")
		return nil
	}
	dir, err := strconv.Unquote(m[1])
	format, formatErr := strconv.Unquote(m[2])
	if err != nil || formatErr != nil || strings.Count(format, "%s") != 3 {
		return fatalf("the rotation function is not understood: %s", m[0])
	}
	const layout = "2006-01-02-15-04-05"
	for _, l := range n.logs {
		// Local time, as in Zeek's strftime.
		name := fmt.Sprintf(format, l.path, l.opened.Format(layout), time.Now().Format(layout)) + ".log"
		if err := os.Rename(l.file(), filepath.Join(dir, name)); err != nil {
			fmt.Fprintf(n.err, "error: failed to rotate %s: %v\n", l.file(), err)
		}
	}
	return nil
}
