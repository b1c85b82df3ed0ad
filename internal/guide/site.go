package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	ghtml "github.com/yuin/goldmark/renderer/html"
)

//go:embed site.css
var stylesheet []byte

// A document is one page of the site.
type document struct {
	path  string // below docs, with slashes
	title string
	text  string
}

// made are the pages that are made from the program, below reference.
var made = []string{"reference/commands.md", "reference/settings.md"}

// written are the pages beside the guide, in the order of the site.
var written = []string{
	"clusterfile.md", "operations.md", "controllers.md", "performance.md", "zeek.md", "zeekctl.md", "api.md", "metrics.md", "sso.md", "states.md", "security.md",
	"zeek-client-differences.md", "compatibility.md", "upstream-gaps.md", "architecture.md",
}

// indexPage is the page with the order of the guide.
const indexPage = "guide/index.md"

// linked are the targets of links to other pages of the same directory.
var linked = regexp.MustCompile(`\]\(([a-z0-9-]+\.md)\)`)

// documents returns all pages of the site, in its order. reference is the directory of the
// pages that are made.
func documents(docs, reference string) (guide, rest []document, err error) {
	if guide, err = guidePages(docs); err != nil {
		return nil, nil, err
	}
	for _, name := range made {
		d, err := read(filepath.Dir(reference), path.Join(filepath.Base(reference), path.Base(name)))
		if err != nil {
			return nil, nil, err
		}
		d.path = name
		rest = append(rest, d)
	}
	for _, name := range written {
		d, err := read(docs, name)
		if err != nil {
			return nil, nil, err
		}
		rest = append(rest, d)
	}
	return guide, rest, nil
}

// guidePages returns the pages of the guide, in its order.
func guidePages(docs string) ([]document, error) {
	index, err := read(docs, indexPage)
	if err != nil {
		return nil, err
	}
	pages := []document{index}
	for _, m := range linked.FindAllStringSubmatch(index.text, -1) {
		d, err := read(docs, "guide/"+m[1])
		if err != nil {
			return nil, err
		}
		pages = append(pages, d)
	}
	return pages, nil
}

func read(docs, name string) (document, error) {
	text, err := os.ReadFile(filepath.Join(docs, filepath.FromSlash(name)))
	if err != nil {
		return document{}, err
	}
	title, _, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(title, "# ") {
		return document{}, fmt.Errorf("%s: the first line is no title", name)
	}
	return document{name, strings.TrimPrefix(title, "# "), string(text)}, nil
}

// writeSite writes the site of the pages below docs, and of those made in the directory
// reference, into the directory to.
func writeSite(docs, reference, to string) error {
	guide, rest, err := documents(docs, reference)
	if err != nil {
		return err
	}
	for _, d := range slices.Concat(guide, rest) {
		page, err := render(d, guide, rest)
		if err != nil {
			return fmt.Errorf("%s: %w", d.path, err)
		}
		if err := write(filepath.Join(to, filepath.FromSlash(htmlPath(d.path))), page); err != nil {
			return err
		}
	}
	first := []byte(`<!doctype html><meta charset="utf-8"><title>zeekfleet</title><meta http-equiv="refresh" content="0; url=guide/index.html"><a href="guide/index.html">zeekfleet</a>` + "\n")
	return errors.Join(write(filepath.Join(to, "index.html"), first), write(filepath.Join(to, "site.css"), stylesheet), copyPictures(docs, to))
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

func copyPictures(docs, to string) error {
	pictures, err := filepath.Glob(filepath.Join(docs, "pictures", "*.png"))
	if err != nil {
		return err
	}
	for _, p := range pictures {
		text, err := os.ReadFile(p)
		if err == nil {
			err = write(filepath.Join(to, "pictures", filepath.Base(p)), text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func htmlPath(name string) string { return strings.TrimSuffix(name, ".md") + ".html" }

// source is where the files of the repository are that have no page.
const source = "https://github.com/zeekfleet/zeekfleet/blob/main/"

// links are the targets of links in HTML.
var links = regexp.MustCompile(`href="([^":]+?)(#[^"]*)?"`)

// render returns the HTML of a page.
func render(d document, guide, rest []document) ([]byte, error) {
	var body bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(ghtml.WithUnsafe()))
	if err := md.Convert([]byte(captioned(d.text)), &body); err != nil {
		return nil, err
	}
	pages := map[string]bool{}
	for _, p := range slices.Concat(guide, rest) {
		pages[p.path] = true
	}
	text := links.ReplaceAllStringFunc(body.String(), func(link string) string {
		m := links.FindStringSubmatch(link)
		if m[1] == "" || m[1][0] == '#' {
			return link
		}
		target := path.Join("docs", path.Dir(d.path), m[1])
		if strings.HasPrefix(target, "docs/") && pages[strings.TrimPrefix(target, "docs/")] {
			return `href="` + htmlPath(m[1]) + m[2] + `"`
		}
		return `href="` + source + target + m[2] + `"`
	})
	up := strings.Repeat("../", strings.Count(d.path, "/"))
	var out bytes.Buffer
	fmt.Fprintf(&out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s – zeekfleet</title>\n<link rel=\"stylesheet\" href=\"%ssite.css\">\n</head>\n<body>\n<nav aria-label=\"Pages\">\n", html.EscapeString(d.title), up)
	menu(&out, up, "Guide", d, guide)
	menu(&out, up, "Reference", d, rest)
	fmt.Fprintf(&out, "</nav>\n<main>\n%s%s</main>\n</body>\n</html>\n", text, turn(d, guide))
	return out.Bytes(), nil
}

// place is the first line of a block that is a file.
var place = regexp.MustCompile("(?m)^( *)```[a-z]+ ([a-z][a-z0-9-]*:/\\S+)$")

// captioned puts the name of each file above its content.
func captioned(page string) string {
	return place.ReplaceAllString(page, "$1<figcaption>$2</figcaption>\n\n$0")
}

func menu(out *bytes.Buffer, up, title string, here document, list []document) {
	fmt.Fprintf(out, "<h2>%s</h2>\n<ul>\n", title)
	for _, d := range list {
		current := ""
		if d.path == here.path {
			current = ` aria-current="page"`
		}
		fmt.Fprintf(out, "<li><a href=\"%s%s\"%s>%s</a></li>\n", up, htmlPath(d.path), current, html.EscapeString(d.title))
	}
	out.WriteString("</ul>\n")
}

// turn returns the links to the pages of the guide before and behind d.
func turn(d document, guide []document) string {
	i := slices.IndexFunc(guide, func(g document) bool { return g.path == d.path })
	if i < 0 {
		return ""
	}
	text := "<footer>\n"
	if i > 0 {
		text += fmt.Sprintf("<a rel=\"prev\" href=\"%s\">← %s</a>\n", path.Base(htmlPath(guide[i-1].path)), html.EscapeString(guide[i-1].title))
	}
	if i+1 < len(guide) {
		text += fmt.Sprintf("<a rel=\"next\" href=\"%s\">%s →</a>\n", path.Base(htmlPath(guide[i+1].path)), html.EscapeString(guide[i+1].title))
	}
	return text + "</footer>\n"
}
