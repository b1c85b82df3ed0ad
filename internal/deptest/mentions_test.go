package deptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mentionedTest = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*`)
	mentionedData = regexp.MustCompile(`\b[A-Za-z0-9_]+\.txtar\b`)
	testFunction  = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?([A-Z][A-Za-z0-9_]*)\(`)
	link          = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
)

// TestDocumentsMentionOnlyTestsThatExist reads every document, and the Makefile,
// which runs some tests by their names. After a test is renamed or removed, the
// files that name it must be changed too.
func TestDocumentsMentionOnlyTestsThatExist(t *testing.T) {
	there, documents := testsAndDocuments(t)
	found := 0
	for path, text := range documents {
		for _, re := range []*regexp.Regexp{mentionedTest, mentionedData} {
			for _, name := range re.FindAllString(text, -1) {
				if found++; !there[name] {
					t.Errorf("%s mentions %s, which does not exist", path, name)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no document mentions a test")
	}
}

func TestLinksOfDocumentsLeadToFilesThatExist(t *testing.T) {
	_, documents := testsAndDocuments(t)
	found := 0
	for path, text := range documents {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s has a link to %s: %v", path, m[1], err)
			}
		}
	}
	if found == 0 {
		t.Error("no document has a link to a file")
	}
}

// testsAndDocuments returns the names of all test functions and test scripts, and
// the texts of the Makefile and of all documents by their paths.
func testsAndDocuments(t *testing.T) (there map[string]bool, documents map[string]string) {
	t.Helper()
	const root = "../.."
	there, documents = map[string]bool{}, map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != root:
			return fs.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			there[e.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			for _, m := range testFunction.FindAllSubmatch(text, -1) {
				there[string(m[1])] = true
			}
			return err
		case strings.HasSuffix(path, ".md"), e.Name() == "Makefile":
			text, err := os.ReadFile(path)
			documents[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there, documents
}
