package web_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// shelf is a store of bundles in a directory of the test.
type shelf struct{ *blob.Store }

func newShelf(t *testing.T) shelf {
	t.Helper()
	store, err := blob.Open(blob.Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Bytes: 16 << 20, Bundle: bundle.Config{Bytes: 8 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	return shelf{store}
}

// keeper is a shelf from which nothing is taken.
type keeper struct{ shelf }

func (keeper) Remove(mgmt.BundleHash) error { return nil }

// packed returns an archive of files, and its hash.
func packed(t *testing.T, files map[string]string) ([]byte, string) {
	t.Helper()
	var list []bundle.File
	for path, text := range files {
		list = append(list, bundle.File{Path: path, Mode: bundle.Plain, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	var archive bytes.Buffer
	contents, err := (bundle.Config{}).Pack(&archive, list)
	if err != nil {
		t.Fatal(err)
	}
	return archive.Bytes(), string(contents.Hash)
}

// put stores a bundle that was pushed two hours ago.
func (s shelf) put(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	archive, hash := packed(t, files)
	at := time.Now().Add(-2 * time.Hour)
	if _, err := s.Begin(mgmt.BundleHash(hash), int64(len(archive)), blob.Push{Name: name, By: "ann", At: at}); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Append(at, mgmt.BundleHash(hash), 0, bytes.NewReader(archive)); err != nil || !p.Complete {
		t.Fatal(p, err)
	}
	return hash
}

// recorder keeps what the server says that it has done.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) add(rec mgmt.AuditRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, fmt.Sprintf("%s %s %s %s", rec.Who, rec.Request, rec.Subject, rec.Outcome))
}

func (r *recorder) said() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

func isProblem(err error, status int, words string) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Status == status && strings.Contains(p.Detail, words)
}

func TestBundleIsPushedInPartsAndPulled(t *testing.T) {
	done := &recorder{}
	kept := newShelf(t)
	s := serve(t, web.Config{Bundles: kept, Recorded: done.add}, nil)
	c := s.client("operator")
	big := strings.Repeat("0123456789abcdef", 300_000) // two parts
	archive, hash := packed(t, map[string]string{"scripts/main.zeek": "event zeek_init() {}\n", "big.dat": big})
	begin := api.UploadRequest{Name: "site", Hash: hash, Size: int64(len(archive))}
	u, err := c.BeginPush(t.Context(), begin)
	if err != nil || u != (api.Upload{}) {
		t.Fatalf("begin: %+v, %v", u, err)
	}
	if u, err = c.PushPart(t.Context(), hash, 0, archive[:1000]); err != nil || u != (api.Upload{Offset: 1000}) {
		t.Fatalf("first part: %+v, %v", u, err)
	}
	if _, err = c.PushPart(t.Context(), hash, 0, archive[:1000]); !isProblem(err, http.StatusConflict, "go on at 1000") {
		t.Errorf("the first part again: %v", err)
	}
	answer, body := s.raw(fmt.Sprintf("PATCH %s/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer operator\r\nUpload-Offset: 1000\r\nContent-Length: %d\r\n\r\n",
		api.PathBundleUploads, hash, s.addr, api.MaxUploadPart+1))
	if answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "at most 4194304 bytes") {
		t.Errorf("a part that is too large: %s %s", answer.Status, body)
	}
	if u, err = c.PushPart(t.Context(), hash, 1000, archive[1000:1000+api.MaxUploadPart]); err != nil || u.Complete {
		t.Fatalf("second part: %+v, %v", u, err)
	}
	if u, err = c.BeginPush(t.Context(), begin); err != nil || u != (api.Upload{Offset: 1000 + api.MaxUploadPart}) {
		t.Fatalf("begun again: %+v, %v", u, err)
	}
	if u, err = c.PushPart(t.Context(), hash, u.Offset, archive[u.Offset:]); err != nil || u != (api.Upload{Offset: int64(len(archive)), Complete: true}) {
		t.Fatalf("last part: %+v, %v", u, err)
	}
	if u, err = c.BeginPush(t.Context(), begin); err != nil || !u.Complete {
		t.Fatalf("the same bundle again: %+v, %v", u, err)
	}
	found, err := s.client("viewer").Bundle(t.Context(), hash)
	if err != nil || found.Files != 2 || found.List[1].Path != "scripts/main.zeek" || found.Pushes[0].Name != "site" || found.Pushes[0].Who != "opal" || found.InUse {
		t.Errorf("found %+v, %v", found, err)
	}
	list, err := s.client("viewer").ListBundles(t.Context())
	if diff := cmp.Diff([]api.Bundle{found.Bundle}, list); err != nil || diff != "" {
		t.Errorf("list: %v %s", err, diff)
	}
	for _, offset := range []int64{0, 1000} {
		content, err := c.PullBundle(t.Context(), hash, offset)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		content.Close()
		if err != nil || !bytes.Equal(text, archive[offset:]) {
			t.Errorf("from %d: %d bytes, %v", offset, len(text), err)
		}
	}
	if diff := cmp.Diff([]string{"opal bundle push site " + string(mgmt.BundleHash(hash).Short()) + " done"}, done.said()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestBundleThatIsNoneIsRefused(t *testing.T) {
	s := serve(t, web.Config{Bundles: newShelf(t)}, nil)
	c := s.client("operator")
	archive, hash := packed(t, map[string]string{"a": "x"})
	damaged := bytes.Clone(archive)
	damaged[512] ^= 1
	if _, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: int64(len(archive))}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PushPart(t.Context(), hash, 0, damaged); !isProblem(err, http.StatusUnprocessableEntity, "this is no bundle: ") {
		t.Errorf("damaged: %v", err)
	}
	if _, err := c.PushPart(t.Context(), hash, 0, archive); !isProblem(err, http.StatusConflict, "no upload of this hash is going on") {
		t.Errorf("after that: %v", err)
	}
	if list, err := c.ListBundles(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("the list has %v, %v", list, err)
	}
	for want, in := range map[string]api.UploadRequest{
		"cannot be the name of a bundle": {Name: "Site", Hash: hash, Size: 1},
		"is not the hash of a bundle":    {Name: "site", Hash: strings.Repeat("x", 71), Size: 1},
		"it may have up to 8388608":      {Name: "site", Hash: hash, Size: 8<<20 + 1},
		"expected number >= 1":           {Name: "site", Hash: hash},
	} {
		_, err := c.BeginPush(t.Context(), in)
		if p, ok := errors.AsType[*api.Problem](err); !ok || !strings.Contains(p.Detail, want) {
			t.Errorf("%+v: got %v, want %s", in, err, want)
		}
	}
	for path, status := range map[string]int{"/" + hash: 404, "/" + hash + "/content": 404, "/xyz": 422} {
		if answer, body := s.ask("GET", api.PathBundles+path, "operator", ""); answer.StatusCode != status {
			t.Errorf("%s: %s %s", path, answer.Status, body)
		}
	}
}

// A client whose line breaks, or who has begun with a wrong size, is no error of the controller.
func TestPartsThatBreakOffOrAreTooLongAreNoErrorsOfTheController(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, web.Config{Bundles: newShelf(t), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}, nil)
	c := s.client("operator")
	archive, hash := packed(t, map[string]string{"a": strings.Repeat("x", 3000)})
	begin := func(size int64) int64 {
		u, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		return u.Offset
	}
	begin(int64(len(archive)))
	line := s.dial()
	fmt.Fprintf(line, "PATCH %s/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer operator\r\nUpload-Offset: 0\r\nContent-Length: %d\r\n\r\n%s",
		api.PathBundleUploads, hash, s.addr, len(archive), archive[:1000])
	if err := line.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, body := readAnswer(t, bufio.NewReader(line))
	if answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, "go on where they end") {
		t.Errorf("a part that breaks off: %s %s", answer.Status, body)
	}
	if at := begin(1500); at != 1000 {
		t.Errorf("it goes on at %d", at)
	}
	if _, err := c.PushPart(t.Context(), hash, 1000, archive[1000:]); !isProblem(err, http.StatusConflict, "more than the 1500 bytes") {
		t.Errorf("a part that is too long: %v", err)
	}
	at := begin(int64(len(archive)))
	if u, err := c.PushPart(t.Context(), hash, at, archive[at:]); err != nil || !u.Complete {
		t.Errorf("in the end: %+v, %v", u, err)
	}
	s.stop(errors.New("the log is complete"))
	<-s.ended
	if log.Len() > 0 {
		t.Errorf("the log has\n%s", log.String())
	}
}

// Somebody whose parts come slowly leaves room for others.
func TestSlowPartsOfOneUserKeepNobodyElseOut(t *testing.T) {
	s := serve(t, web.Config{Bundles: newShelf(t), Limits: web.Limits{MaxUploads: 2, MaxWait: 100 * time.Millisecond}}, nil)
	archives := map[string][]byte{}
	begin := func(who, text string) (hash string) {
		archive, hash := packed(t, map[string]string{"a": text})
		archives[hash] = archive
		if _, err := s.client(who).BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: int64(len(archive))}); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	slow, second, others := begin("operator", "slow"), begin("operator", "second"), begin("admin", "others")
	line := s.dial()
	// The server asks for the body when it reads it. Then the request has its place.
	fmt.Fprintf(line, "PATCH %s/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer operator\r\nUpload-Offset: 0\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		api.PathBundleUploads, slow, s.addr, len(archives[slow]))
	answers := bufio.NewReader(line)
	if text, err := answers.ReadString('\n'); err != nil || !strings.Contains(text, " 100 ") {
		t.Fatalf("got %q, %v", text, err)
	}
	if _, err := s.client("operator").PushPart(t.Context(), second, 0, archives[second]); !isProblem(err, http.StatusServiceUnavailable, "is reading other bundles") {
		t.Errorf("the same user: %v", err)
	}
	if u, err := s.client("admin").PushPart(t.Context(), others, 0, archives[others]); err != nil || !u.Complete {
		t.Errorf("another user: %+v, %v", u, err)
	}
	if _, err := line.Write(archives[slow]); err != nil {
		t.Fatal(err)
	}
	if text, err := answers.ReadString('\n'); err != nil || text != "\r\n" {
		t.Fatalf("got %q, %v", text, err)
	}
	if answer, body := readAnswer(t, answers); answer.StatusCode != http.StatusOK {
		t.Errorf("the slow part: %s %s", answer.Status, body)
	}
}

// slowShelf is a shelf that shows the files of bundles only when it may go on.
type slowShelf struct {
	shelf
	asked chan struct{}
	goOn  chan struct{}
}

func (s slowShelf) Files(hash mgmt.BundleHash) ([]bundle.Entry, error) {
	s.asked <- struct{}{}
	<-s.goOn
	return s.shelf.Files(hash)
}

// A list of many files has megabytes. Somebody who asks for many of them gets a few at a time.
func TestLongListsOfFilesAreBounded(t *testing.T) {
	kept := slowShelf{newShelf(t), make(chan struct{}, 10), make(chan struct{})}
	files := map[string]string{}
	for i := range 500 {
		files[fmt.Sprintf("%04d", i)] = ""
	}
	long, short := kept.put(t, "long", files), kept.put(t, "short", map[string]string{"a": ""})
	s := serve(t, web.Config{Bundles: kept, Limits: web.Limits{MaxManifests: 2}}, nil)
	type line struct {
		net.Conn
		answers *bufio.Reader
	}
	get := func(c line, who, path string) {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, s.addr, who)
	}
	wantOK := func(c line) {
		t.Helper()
		if answer, body := readAnswer(t, c.answers); answer.StatusCode != http.StatusOK {
			t.Errorf("%s %.200s", answer.Status, body)
		}
	}
	var lines []line
	ask := func(who, path string) {
		raw := s.dial()
		c := line{raw, bufio.NewReader(raw)}
		lines = append(lines, c)
		get(c, who, path)
		<-kept.asked
	}
	ask("viewer", api.PathBundles+"/"+long)
	if _, err := s.client("viewer").Bundle(t.Context(), long); !isProblem(err, http.StatusTooManyRequests, "vic has 1 lists of the files of bundles already") {
		t.Errorf("the second list: %v", err)
	}
	if answer, body := s.ask("GET", "/bundles/"+long, "viewer", ""); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the page: %s %.100s", answer.Status, body)
	}
	ask("viewer", api.PathBundles+"/"+short)
	ask("operator", "/bundles/"+long)
	if _, err := s.client("admin").Bundle(t.Context(), long); !isProblem(err, http.StatusServiceUnavailable, "try again in 10 s") {
		t.Errorf("beyond the limit: %v", err)
	}
	close(kept.goOn)
	for _, c := range lines {
		wantOK(c)
		// The server answers this one when it is done with the one before.
		get(c, "viewer", api.PathHealth)
		wantOK(c)
	}
	ask("viewer", "/bundles/"+long)
	wantOK(lines[len(lines)-1])
}

// using returns a configuration with a node that uses bundles.
func using(bundles ...mgmt.Bundle) mgmt.Configuration {
	return mgmt.Configuration{Nodes: []mgmt.Node{{Name: "w", Role: mgmt.Worker, Bundles: bundles}}}
}

func script(hash string) mgmt.Bundle {
	return mgmt.Bundle{Name: "site", Kind: mgmt.ScriptBundle, Hash: mgmt.BundleHash(hash)}
}

func TestBundlesInUseStay(t *testing.T) {
	kept, done := newShelf(t), &recorder{}
	deployed, staged := kept.put(t, "site", map[string]string{"a": "1"}), kept.put(t, "site", map[string]string{"a": "2"})
	past, gone := kept.put(t, "site", map[string]string{"a": "3"}), kept.put(t, "site", map[string]string{"a": "4"})
	archive, fresh := packed(t, map[string]string{"a": "5"})
	f := someFleet()
	f.snap = mgmt.Snapshot{
		Deployed: &mgmt.ConfigRevision{Revision: 3, Config: using(script(deployed))}, Staged: &mgmt.ConfigRevision{Revision: 4, Config: using(script(staged))},
		History: []mgmt.PastConfig{
			{Revision: 1, Bundles: []mgmt.Bundle{script(gone)}}, {Revision: 2, Kept: true, Bundles: []mgmt.Bundle{script(past), script(deployed)}},
		},
		Operations: []*mgmt.Operation{{ID: 9, Kind: mgmt.OperationDeploy, State: mgmt.OperationRunning}},
	}
	s := serve(t, web.Config{Cluster: f, Bundles: kept, Recorded: done.add}, nil)
	c := s.client("operator")
	if _, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "next", Hash: fresh, Size: int64(len(archive))}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PushPart(t.Context(), fresh, 0, archive); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveBundle(t.Context(), gone); !isProblem(err, http.StatusConflict, "operation 9 deploys") {
		t.Errorf("removed while a deployment runs: %v", err)
	}
	if _, err := c.PruneBundles(t.Context(), api.PruneRequest{}); !isProblem(err, http.StatusConflict, "operation 9 deploys") {
		t.Errorf("pruned while a deployment runs: %v", err)
	}
	f.snap.Operations[0].State = mgmt.OperationDone
	for hash, revision := range map[string]uint64{deployed: 3, staged: 4, past: 2} {
		if err := c.RemoveBundle(t.Context(), hash); !isProblem(err, http.StatusConflict, fmt.Sprintf("revision %d uses the bundle", revision)) {
			t.Errorf("the bundle of revision %d: %v", revision, err)
		}
	}
	if found, err := c.Bundle(t.Context(), deployed); err != nil || !slices.Equal(found.Revisions, []uint64{3, 2}) || !found.InUse {
		t.Errorf("%+v, %v", found.Bundle, err)
	}
	pruned, err := c.PruneBundles(t.Context(), api.PruneRequest{})
	if err != nil || len(pruned.Removed) != 1 || pruned.Removed[0].Hash != gone || pruned.Bytes != pruned.Removed[0].Size {
		t.Errorf("pruned %+v, %v", pruned, err)
	}
	if err := c.RemoveBundle(t.Context(), fresh); err != nil {
		t.Error(err)
	}
	list, err := c.ListBundles(t.Context())
	if err != nil || len(list) != 3 {
		t.Errorf("left are %v, %v", list, err)
	}
	short := func(hash string) string { return string(mgmt.BundleHash(hash).Short()) }
	want := []string{"opal bundle push next " + short(fresh) + " done", "opal bundle prune site " + short(gone) + " done", "opal bundle remove next " + short(fresh) + " done"}
	if diff := cmp.Diff(want, done.said()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestBundlesAreForOperators(t *testing.T) {
	kept := newShelf(t)
	hash := kept.put(t, "site", map[string]string{"a": "1"})
	refused := &recorder{}
	s := serve(t, web.Config{Bundles: kept, Refused: refused.add}, nil)
	c := s.client("viewer")
	_, pulled := c.PullBundle(t.Context(), hash, 0)
	_, begun := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: 1})
	_, sent := c.PushPart(t.Context(), hash, 0, []byte("x"))
	_, pruned := c.PruneBundles(t.Context(), api.PruneRequest{})
	for what, err := range map[string]error{"pull": pulled, "push": begun, "push ": sent, "remove": c.RemoveBundle(t.Context(), hash), "prune": pruned} {
		if !isProblem(err, http.StatusForbidden, "bundle "+strings.TrimSpace(what)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(refused.said()); n != 5 {
		t.Errorf("%d refusals: %v", n, refused.said())
	}
	none := serve(t, web.Config{}, nil).client("operator")
	if _, err := none.ListBundles(t.Context()); !isProblem(err, http.StatusNotImplemented, "keeps no bundles") {
		t.Errorf("without a store: %v", err)
	}
}

// What the controller lacks is known before anything is asked of the hosts.
func TestDeploymentWithoutContentIsRefused(t *testing.T) {
	kept := newShelf(t)
	_, hash := packed(t, map[string]string{"a": "1"})
	f := someFleet()
	f.answers = usually
	f.past = map[uint64]*mgmt.ConfigRevision{2: {Revision: 2, Config: using(script(hash))}}
	config := &api.Cluster{Hosts: []api.ConfiguredHost{{Name: "a"}}, Nodes: []api.ConfiguredNode{
		{Name: "w", Instance: "a", Role: "WORKER", Bundles: []api.NodeBundle{{Name: "site", Kind: "scripts", Hash: hash}}},
	}}
	s := serve(t, web.Config{Cluster: f, Bundles: kept}, nil)
	c := s.client("operator")
	const want = "the controller does not have the content of bundle site (sha256:"
	for name, err := range map[string]error{
		"plan":               failureOf(c.Plan(t.Context(), api.PlanRequest{Configuration: config})),
		"plan of a revision": failureOf(c.Plan(t.Context(), api.PlanRequest{Revision: 2})),
		"deploy":             failureOf(c.Deploy(t.Context(), api.DeployRequest{Configuration: config})),
		"rollback":           failureOf(c.Deploy(t.Context(), api.DeployRequest{Revision: 2})),
	} {
		if !isProblem(err, http.StatusUnprocessableEntity, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests reached the controller", n)
	}
	kept.put(t, "site", map[string]string{"a": "1"})
	if _, err := c.Deploy(t.Context(), api.DeployRequest{Configuration: config}); err != nil {
		t.Errorf("with the content: %v", err)
	}
	none := serve(t, web.Config{Cluster: f}, nil).client("operator")
	if _, err := none.Plan(t.Context(), api.PlanRequest{Configuration: config}); !isProblem(err, http.StatusUnprocessableEntity, "uses bundle site, and this controller keeps no bundles") {
		t.Errorf("without a store: %v", err)
	}
}

func failureOf[A any](_ A, err error) error { return err }

func TestPlanNamesTheFilesOfBundles(t *testing.T) {
	kept := newShelf(t)
	many := map[string]string{"same": "s", "changed": "1", "removed": "r"}
	was := kept.put(t, "site", many)
	for i := range 150 {
		many[fmt.Sprintf("new-%03d", i)] = "n"
	}
	many["changed"] = "2"
	delete(many, "removed")
	now := kept.put(t, "site", many)
	f := someFleet()
	f.snap.Deployed = &mgmt.ConfigRevision{Revision: 3, Config: using(script(was))}
	f.answer = mgmt.PlanResponse{Result: mgmt.Result{Success: true}, Plan: &mgmt.FleetPlan{Deployed: 3, Bundles: []mgmt.PlannedBundle{
		{Instance: "a", Name: "site", Hash: mgmt.BundleHash(now), Was: mgmt.BundleHash(was), Missing: true}, {Instance: "b", Name: "site", Hash: mgmt.BundleHash(now)},
	}}}
	c := serve(t, web.Config{Cluster: f, Bundles: kept}, nil).client("operator")
	config := &api.Cluster{Hosts: []api.ConfiguredHost{}, Nodes: []api.ConfiguredNode{
		{Name: "w", Instance: "a", Role: "WORKER", Bundles: []api.NodeBundle{{Name: "site", Kind: "scripts", Hash: now}}},
	}}
	plan, err := c.Plan(t.Context(), api.PlanRequest{Configuration: config})
	if err != nil || len(plan.Bundles) != 1 || !plan.Changes {
		t.Fatalf("%+v, %v", plan, err)
	}
	b := plan.Bundles[0]
	if b.Files != 152 || len(b.Added) != api.MaxPlannedFiles || !slices.Equal(b.Removed, []string{"removed"}) || !slices.Equal(b.Changed, []string{"changed"}) {
		t.Errorf("%+v", b)
	}
	b.Added, b.Removed, b.Changed, b.Files = nil, nil, nil, 0
	if diff := cmp.Diff(api.PlannedBundle{Name: "site", Kind: "scripts", Hash: now, Was: was, Nodes: []string{"w"}, Missing: []string{"a"}}, b); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(plan.Bundles)
	if err != nil || len(text) > 10_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// pacedConn notes whether what comes in counts as a newcomer's.
type pacedConn struct {
	net.Conn
	said *pacing
}

type pacing struct {
	mu   sync.Mutex
	list []bool
}

func (c pacedConn) Pace(counts bool) {
	c.said.mu.Lock()
	defer c.said.mu.Unlock()
	c.said.list = append(c.said.list, counts)
}

// A part of an archive comes in as fast as it can, and nothing else does. Whoever may not push is
// a newcomer all the time.
func TestPartsOfBundlesAreNotPaced(t *testing.T) {
	said := &pacing{}
	s := serve(t, web.Config{Bundles: newShelf(t)}, func(c *web.Connection) { c.Conn = pacedConn{c.Conn, said} })
	archive, hash := packed(t, map[string]string{"a": "x"})
	if _, err := s.client("viewer").PushPart(t.Context(), hash, 0, []byte("x")); !isProblem(err, http.StatusForbidden, "bundle push") {
		t.Error(err)
	}
	c := s.client("operator")
	if _, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: int64(len(archive))}); err != nil {
		t.Fatal(err)
	}
	if u, err := c.PushPart(t.Context(), hash, 0, archive); err != nil || !u.Complete {
		t.Fatal(u, err)
	}
	said.mu.Lock()
	defer said.mu.Unlock()
	if !slices.Equal(said.list, []bool{false, true}) {
		t.Errorf("the pace was %v", said.list)
	}
}
