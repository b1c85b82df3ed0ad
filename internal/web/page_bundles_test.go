package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// toldHash is that of the bundle that toldBundles has.
var toldHash = mgmt.BundleHash("sha256:" + strings.Repeat("a", 64))

// toldBundles has one bundle, with one name for everything.
type toldBundles struct {
	keeper
	name string
}

func (b toldBundles) told() blob.Blob {
	return blob.Blob{Hash: toldHash, Size: 2048, Files: 2, Pushes: []blob.Push{{Name: b.name, By: b.name, At: time.Unix(1_700_000_000, 0)}}}
}

func (b toldBundles) Get(hash mgmt.BundleHash) (blob.Blob, bool) { return b.told(), hash == toldHash }

func (b toldBundles) List() []blob.Blob { return []blob.Blob{b.told()} }

func (b toldBundles) Files(mgmt.BundleHash) ([]bundle.Entry, error) {
	return []bundle.Entry{{Path: b.name, Mode: bundle.Link, Target: b.name}, {Path: "main.zeek", Mode: bundle.Plain, Size: 3_000}}, nil
}

func TestPagesOfBundles(t *testing.T) {
	s := serveFleetOf(t, "w1")
	for path, wants := range map[string][]string{
		"/deployments": {`href="/bundles"`},
		"/bundles":     {"w1", "sha256:aaaaaaaaaaaa", `href="/bundles/` + url.PathEscape(string(toldHash)), "2.00 kiB"},
		"/bundles/" + url.PathEscape(string(toldHash)): {string(toldHash), "as w1 by w1", "main.zeek", "w1 -&gt; w1", "2.93 kiB"},
	} {
		answer, page := s.ask("GET", path, "viewer", "", "Accept: text/html")
		for _, want := range wants {
			if answer.StatusCode != http.StatusOK || !strings.Contains(page, want) {
				t.Errorf("%s: got %s, want %q in: %s", path, answer.Status, want, page)
			}
		}
	}
	if answer, page := s.ask("GET", "/bundles/sha256:x", "viewer", "", "Accept: text/html"); answer.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "is not the hash of a bundle") {
		t.Errorf("no hash: got %s: %s", answer.Status, page)
	}
	none := serve(t, web.Config{}, nil)
	if answer, page := none.ask("GET", "/bundles", "viewer", "", "Accept: text/html"); answer.StatusCode != http.StatusOK || !strings.Contains(page, "There are no bundles") {
		t.Errorf("without a store: got %s: %s", answer.Status, page)
	}
}

// A page shows a part of the files of a large bundle.
func TestPageOfALargeBundle(t *testing.T) {
	kept, files := newShelf(t), map[string]string{}
	for i := range 1001 {
		files[fmt.Sprintf("file-%04d", i)] = ""
	}
	hash := kept.put(t, "site", files)
	_, page := serve(t, web.Config{Bundles: kept}, nil).ask("GET", "/bundles/"+hash, "viewer", "", "Accept: text/html")
	if !strings.Contains(page, "file-0999") || strings.Contains(page, "file-1000") || !strings.Contains(page, "and 1 more: zeekfleet bundle show sha256:") {
		t.Errorf("got %s", page)
	}
}
