package bundle

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFollow bounds the links that one link leads through. Linux follows 40 on the way to a
// file (path_resolution(7)). The path of the tree itself, and the path to the link within
// the tree, may have some.
const maxFollow = 20

// tree checks the entries of a tree, which come sorted.
type tree struct {
	cfg     Config
	last    string
	files   int
	modes   map[string]Mode   // of a directory it is empty
	folded  map[string]string // path by what a file system without capital letters makes of it
	targets map[string]string // of links, by path
	links   []string          // paths, sorted
}

func newTree(cfg Config) *tree {
	return &tree{cfg: cfg, modes: map[string]Mode{}, folded: map[string]string{}, targets: map[string]string{}}
}

// add checks an entry and those of its directories that are new. The entry may still be a
// link that leads out of the tree: checkLinks says so.
func (t *tree) add(e Entry) error {
	if err := t.checkPath(e.Path); err != nil {
		return err
	}
	if e.Path == t.last {
		return invalid(e.Path, "it is there twice")
	}
	if e.Path < t.last {
		return invalid(e.Path, "it is out of order: it comes after %q", t.last)
	}
	t.last = e.Path
	if t.files++; t.files > t.cfg.Files {
		return invalid("", "there are more than %d files", t.cfg.Files)
	}
	for i, b := range []byte(e.Path) {
		if b != '/' {
			continue
		}
		if err := t.addDir(e.Path[:i]); err != nil {
			return err
		}
	}
	if e.Mode == Link {
		if err := t.checkTarget(e.Path, e.Target); err != nil {
			return err
		}
		t.targets[e.Path] = e.Target
		t.links = append(t.links, e.Path)
	}
	return t.put(e.Path, e.Mode)
}

func (t *tree) addDir(path string) error {
	if mode, ok := t.modes[path]; ok {
		if mode != "" {
			return invalid(path, "it is a file and a directory")
		}
		return nil
	}
	if len(t.modes)-t.files+1 >= t.cfg.Dirs { // the entry itself is counted, and is not in modes
		return invalid("", "there are more than %d directories", t.cfg.Dirs)
	}
	return t.put(path, "")
}

func (t *tree) put(path string, mode Mode) error {
	key := fold(path)
	if other, ok := t.folded[key]; ok {
		return invalid(path, "it differs from %q in capital letters only; not every file system can have both", other)
	}
	t.folded[key] = path
	t.modes[path] = mode
	return nil
}

func (t *tree) checkPath(path string) error {
	switch {
	case path == "":
		return invalid("", "a file has an empty path")
	case len(path) > t.cfg.Path:
		return invalid(path, "its path has %d bytes, more than the limit of %d", len(path), t.cfg.Path)
	case path[0] == '/':
		return invalid(path, "its path is absolute")
	}
	if err := checkText(path, "path"); err != nil {
		return err
	}
	depth := 0
	for part := range strings.SplitSeq(path, "/") {
		depth++
		if part == "" || part == "." || part == ".." {
			return invalid(path, "its path has the part %q", part)
		}
	}
	if depth > t.cfg.Depth {
		return invalid(path, "it is %d directories deep, more than the limit of %d", depth, t.cfg.Depth)
	}
	if _, _, ok := split(path); !ok {
		return invalid(path, "its path has a part that is too long: the last part may have %d bytes, the directories before it %d", nameSize, maxPrefix)
	}
	return nil
}

func (t *tree) checkTarget(path, target string) error {
	switch {
	case target == "":
		return invalid(path, "it is a link to nothing")
	case len(target) > t.cfg.Target:
		return invalid(path, "it is a link of %d bytes, more than the limit of %d", len(target), t.cfg.Target)
	case target[0] == '/':
		return invalid(path, "it is a link to the absolute path %q; links of a bundle are relative", target)
	}
	if err := checkText(target, "link"); err != nil {
		return invalid(path, "%s", err.(*InvalidError).Why)
	}
	return nil
}

// checkText refuses characters that some program between here and a node could mistake, and
// those that make a name look like another one on a screen.
func checkText(s, what string) error {
	switch {
	case !utf8.ValidString(s):
		return invalid(s, "its %s is not UTF-8", what)
	case strings.ContainsFunc(s, unicode.IsControl):
		return invalid(s, "its %s has a control character", what)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return invalid(s, "its %s has a character that cannot be seen: %+q", what, s)
	case strings.Contains(s, `\`):
		return invalid(s, "its %s has a backslash", what)
	}
	return nil
}

// fold returns the same text for paths that differ in capital letters only.
func fold(path string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, path)
}

// checkLinks refuses links that do not lead to a file or a directory of the tree. It is
// called once, after all entries were added.
func (t *tree) checkLinks() error {
	w := walker{tree: t, known: map[string]place{}}
	for _, path := range t.links {
		if _, err := w.follow(path, path, 1); err != nil {
			return err
		}
	}
	return nil
}

// walker follows links as the kernel does.
type walker struct {
	*tree
	known map[string]place // where a link leads, by its path
}

// place is where a link leads. No part of its path is a link. The path of the tree itself
// is empty.
type place struct {
	path    string
	follows int // how many links were followed
}

// follow returns where the link at path leads. The parts of path before the last are no
// links. first is the link at which the walk began, and follows counts the links up to this
// one.
func (w *walker) follow(first, path string, follows int) (place, error) {
	p, known := w.known[path]
	if follows+p.follows > maxFollow+1 || follows > maxFollow {
		return place{}, invalid(first, "it is a link that leads to itself, or through more than %d links", maxFollow)
	}
	if known {
		return p, nil
	}
	start := follows
	at := parent(path)
	for part := range strings.SplitSeq(w.targets[path], "/") {
		if mode := w.modes[at]; at != "" && mode != "" {
			return place{}, invalid(first, "it is a link that uses the file %q as a directory", at)
		}
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			if at == "" {
				return place{}, invalid(first, "it is a link that leads out of the bundle")
			}
			at = parent(at)
			continue
		}
		next := join(at, part)
		mode, ok := w.modes[next]
		if !ok {
			return place{}, invalid(first, "it is a link to %q, which is not in the bundle", next)
		}
		if mode == Link {
			end, err := w.follow(first, next, follows+1)
			if err != nil {
				return place{}, err
			}
			follows += end.follows
			next = end.path
		}
		at = next
	}
	p = place{at, follows - start + 1}
	w.known[path] = p
	return p, nil
}

func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

func join(dir, part string) string {
	if dir == "" {
		return part
	}
	return dir + "/" + part
}
