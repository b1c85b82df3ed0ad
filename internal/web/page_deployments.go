package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerDeployments adds the pages of what is, was and will be deployed.
func (a *routes) registerDeployments() {
	s := pages{a.s}
	history, plan, change, in := rowOf(mgmt.GetHistoryRequest{}), rowOf(mgmt.PlanRequest{}), rowOf(mgmt.ChangeRequest{}), ui.PathDeployments
	a.page(page{pattern: "GET " + ui.PathDeployments, may: history, section: in}, s.deployments)
	a.page(page{pattern: "GET " + ui.PathDeployments + "/stream", may: history}, s.deploymentsStream)
	a.page(page{pattern: "GET " + ui.PathRevisions + "/{revision}", may: rowOf(mgmt.GetConfigurationRequest{}), section: in}, s.revisionPage)
	a.page(page{pattern: "GET " + ui.PathRevisions + "/{revision}/" + ui.RevisionFile, may: rowOf(mgmt.GetConfigurationRequest{})}, s.revisionFile)
	a.page(page{pattern: "GET " + ui.PathDeploy, may: plan, section: in}, s.askDeploy)
	a.page(page{pattern: "POST " + ui.PathPlan, may: plan, section: in}, s.planGiven)
	a.page(page{pattern: "POST " + ui.PathDeploy, may: change, section: in}, s.deploy)
}

// The page of the deployments shows so many revisions and operations.
const (
	shownRevisions  = 100
	shownOperations = 20
)

func (s pages) deployments(v *visit) (shown, error) {
	d, err := s.deploymentsNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.DeploymentsPage(d))
}

func (s pages) deploymentsNow(ctx context.Context, v *visit) (ui.Deployments, error) {
	d := ui.Deployments{Now: time.Now(), CanDeploy: v.may(rowOf(mgmt.ChangeRequest{}))}
	snap, err := views(s).snapshot(ctx)
	if err != nil {
		return d, err
	}
	status := clusterStatus(views(s), snap, d.Now, nil, nil, nil)
	d.Deployed, d.Staged = status.Deployed, status.Staged
	revisions, err := views(s).listRevisions(ctx, &revisionsInput{Limit: shownRevisions})
	if err != nil {
		return d, err
	}
	operations, err := views(s).listOperations(ctx, &operationsInput{Limit: shownOperations})
	if err != nil {
		return d, err
	}
	d.Revisions, d.Operations = revisions.Body.Items, operations.Body.Items
	return d, nil
}

func (s pages) deploymentsStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		d, err := s.deploymentsNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return []ui.Piece{ui.DeploymentsNow(d)}, nil
	}))
}

func (s pages) revisionPage(v *visit) (shown, error) {
	number, err := strconv.ParseUint(v.PathValue("revision"), 10, 64)
	if err != nil || number == 0 {
		return shown{}, problem(http.StatusNotFound, "the name of a revision is a number")
	}
	found, err := views(s).getRevision(v.Context(), &revisionInput{Revision: number})
	if err != nil {
		return shown{}, err
	}
	r := ui.Revision{Configuration: found.Body, CanDeploy: v.may(rowOf(mgmt.ChangeRequest{}))}
	if c, err := views(s).revision(v.Context(), number); err == nil { // else it was forgotten just now
		r.Lacks = lacking(c.Given())
	}
	if r.From > 0 {
		before, err := views(s).getRevision(v.Context(), &revisionInput{Revision: r.From})
		if err == nil { // else it is no longer kept
			r.Against, r.Changes = r.From, differences(before.Body.Cluster, r.Cluster)
		}
	}
	return show(ui.RevisionPage(r))
}

// wanted is a configuration that somebody wants to deploy.
type wanted struct {
	what   string
	fields map[string]string
	// One of these is set, as in a request for a plan.
	given    *api.Cluster
	revision uint64
	cluster  api.Cluster
	// warnings are those about a cluster file, and templates what its templates have become.
	warnings  []string
	templates []api.PlannedTemplate
}

// askDeploy asks what shall be deployed, or shows the plan for what the address names.
func (s pages) askDeploy(v *visit) (shown, error) {
	q := v.URL.Query()
	if q.Get("staged") == "" && q.Get("revision") == "" {
		return show(ui.DeployPage("", ""))
	}
	want, err := s.named(v.Context(), q.Get("staged"), q.Get("revision"))
	if err != nil {
		return shown{}, err
	}
	return s.showPlan(v, want)
}

// named returns the staged configuration, or that of a revision.
func (s pages) named(ctx context.Context, staged, revision string) (wanted, error) {
	if staged != "" {
		found, err := views(s).getConfiguration(ctx, &configurationInput{State: api.Staged})
		if err != nil {
			return wanted{}, err
		}
		c := found.Body.Cluster
		return wanted{what: "the staged configuration", fields: map[string]string{"staged": c.ID}, given: &c, cluster: c}, nil
	}
	number, err := strconv.ParseUint(revision, 10, 64)
	if err != nil || number == 0 {
		return wanted{}, problem(http.StatusNotFound, "the name of a revision is a number")
	}
	found, err := views(s).getRevision(ctx, &revisionInput{Revision: number})
	if err != nil {
		return wanted{}, err
	}
	return wanted{what: fmt.Sprintf("revision %d again", number), fields: map[string]string{"revision": revision}, revision: number, cluster: found.Body.Cluster}, nil
}

// planGiven shows the plan for a configuration that a form has.
func (s pages) planGiven(v *visit) (shown, error) {
	again := func(status int, why, text string) (shown, error) {
		return shown{Content: ui.DeployPage(why, text), status: status}, nil
	}
	text, err := v.configuration()
	if err != nil {
		return again(http.StatusRequestEntityTooLarge, err.Error(), "")
	}
	want, err := s.given(v, text)
	if err != nil {
		return again(http.StatusUnprocessableEntity, err.Error(), text)
	}
	answer, err := s.showPlan(v, want)
	if err != nil && statusOf(err) == http.StatusUnprocessableEntity {
		return again(http.StatusUnprocessableEntity, err.Error(), text)
	}
	return answer, err
}

// configuration returns the text of the configuration in a form: of its file, or of its field.
func (v *visit) configuration() (string, error) {
	tooLong := fmt.Errorf("the form is not understood, or the configuration has more than %d bytes: deploy that with zeekfleet deploy", v.limits.MaxGiven)
	most := int64(v.limits.MaxGiven + v.limits.MaxForm)
	v.Body = http.MaxBytesReader(v.w, v.Body, most)
	if v.ParseForm() != nil { // ParseMultipartForm would say only that the form has no parts
		return "", tooLong
	}
	if err := v.ParseMultipartForm(most); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return "", tooLong
	}
	if v.MultipartForm != nil {
		defer v.MultipartForm.RemoveAll()
		for _, head := range v.MultipartForm.File["file"] {
			if head.Size == 0 {
				continue
			}
			file, err := head.Open()
			if err != nil {
				return "", tooLong
			}
			defer file.Close()
			text, err := io.ReadAll(file)
			return string(text), err
		}
	}
	return v.field("text"), nil
}

// given returns the configuration with this text.
func (s pages) given(v *visit, text string) (wanted, error) {
	if strings.TrimSpace(text) == "" {
		return wanted{}, errors.New("there is no configuration: choose a file, or paste its text")
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return s.givenFile(v, text)
	}
	if mgmt.MoreValues([]byte(text), v.limits.MaxGivenValues) {
		return wanted{}, fmt.Errorf("the configuration has more than %d JSON values: deploy it with zeekfleet deploy", v.limits.MaxGivenValues)
	}
	var c api.Cluster
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return wanted{}, fmt.Errorf("the configuration is not the JSON of one: %v", err)
	}
	if dec.More() {
		return wanted{}, errors.New("there is something behind the configuration")
	}
	return wanted{what: "this configuration", fields: map[string]string{"text": text}, given: &c, cluster: c}, nil
}

// givenFile returns the configuration of a cluster file.
func (s pages) givenFile(v *visit, text string) (wanted, error) {
	read, err := clusterfile.Parse("cluster file", []byte(text), clusterfile.Options{
		NameInstances: true, MaxValues: v.limits.MaxGivenText, Hardware: hosting{views(s)}.hardware(v.Context()),
	})
	if err != nil {
		return wanted{}, err
	}
	// The ID is new each time that the file is read.
	c := resources.Cluster(read.Config)
	warnings := read.Warnings[:min(len(read.Warnings), v.limits.MaxGivenWarnings)]
	want := wanted{what: "this cluster file", fields: map[string]string{"text": text}, given: &c, cluster: c, warnings: warnings}
	if len(read.Templates) > 0 {
		want.templates = resources.Templates(read.Templates)
		// The form goes on with the nodes that the user sees: the host may have other
		// hardware when the user agrees.
		if nodes := clusterfile.Text(read.Config); len(nodes) <= v.limits.MaxGiven {
			want.fields["text"] = nodes
		}
	}
	return want, nil
}

// showPlan shows what a deployment would do, and asks whether to go on.
func (s pages) showPlan(v *visit, want wanted) (shown, error) {
	plan, err := changes(s).plan(reading(v.Context()), &planInput{api.PlanRequest{Configuration: want.given, Revision: want.revision}})
	if err != nil {
		return shown{}, err
	}
	plan.Body.Templates = want.templates
	p := ui.Plan{Plan: plan.Body, What: want.what, Fields: want.fields, Warnings: want.warnings}
	var deployed api.Cluster
	if found, err := views(s).getConfiguration(v.Context(), &configurationInput{State: api.Deployed}); err == nil {
		deployed = found.Body.Cluster
	}
	p.Changes = differences(deployed, want.cluster)
	return show(ui.PlanPage(p))
}

// reading is the context of an operation of the API that takes a configuration. A page has read
// its own already.
func reading(ctx context.Context) context.Context {
	return context.WithValue(ctx, readKey{}, func() {})
}

// deploy begins the deployment of what the form names, if what was deployed when the user looked
// at the plan still is.
func (s pages) deploy(v *visit) (shown, error) {
	v.Body = http.MaxBytesReader(v.w, v.Body, int64(3*v.limits.MaxGiven+v.limits.MaxForm)) // a form may take three bytes for one
	if err := v.ParseForm(); err != nil {
		return shown{}, problem(http.StatusRequestEntityTooLarge, errForm.Error())
	}
	want, err := s.asked(v)
	if err != nil {
		return shown{}, err
	}
	seen, err := strconv.ParseUint(v.field("seen"), 10, 64)
	if err != nil {
		return shown{}, problem(http.StatusUnprocessableEntity, "the form does not say which revision was deployed")
	}
	req := api.DeployRequest{
		Configuration: want.given, Revision: want.revision, Note: clip(v.field("note"), 1000), Seen: &seen, Partial: v.field("partial") != "",
	}
	if text := v.field("revert"); text != "" {
		if req.RevertAfter, err = strconv.ParseInt(text, 10, 64); err != nil || req.RevertAfter < 1 || req.RevertAfter > 86400 {
			return shown{}, problem(http.StatusUnprocessableEntity, "the seconds are a number from 1 to 86400")
		}
	}
	begun, err := changes(s).deploy(reading(v.Context()), &deployInput{Body: req})
	if err != nil {
		return shown{}, err
	}
	return goTo(ui.OperationPath(begun.Body.ID))
}

// asked returns what a form wants to deploy. If it is the staged configuration, that must be the
// one of which the user has seen the plan.
func (s pages) asked(v *visit) (wanted, error) {
	if text := v.field("text"); text != "" {
		want, err := s.given(v, text)
		if err != nil {
			return want, problem(http.StatusUnprocessableEntity, err.Error())
		}
		return want, nil
	}
	want, err := s.named(v.Context(), v.field("staged"), v.field("revision"))
	if err == nil && v.field("staged") != "" && want.cluster.ID != v.field("staged") {
		return want, problem(http.StatusPreconditionFailed, "another configuration was staged meanwhile: look at its plan first")
	}
	return want, err
}

// differences returns the difference of two configurations, line by line.
func differences(before, after api.Cluster) []string {
	text := diff.Diff("before", []byte(fileOf(before)), "after", []byte(fileOf(after)))
	if len(text) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(bytes.TrimSpace(text)), "\n"), "\n")
	return lines[min(len(lines), 3):] // the names of the two
}

// fileOf returns a configuration as a cluster file, with what has no place there in
// comments.
func fileOf(c api.Cluster) string {
	config, err := resources.Configuration(c)
	if err != nil {
		return "# it cannot be read: " + err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString(clusterfile.Text(config))
	for _, n := range c.Nodes {
		for _, name := range slices.Sorted(maps.Keys(n.Options)) {
			fmt.Fprintf(&b, "# option of %s: %s = %s\n", n.Name, name, n.Options[name])
		}
	}
	return b.String()
}

// revisionFile sends a revision as a cluster file. Comments say what has no place there.
func (s pages) revisionFile(v *visit) (shown, error) {
	number, err := strconv.ParseUint(v.PathValue("revision"), 10, 64)
	if err != nil || number == 0 {
		return shown{}, problem(http.StatusNotFound, "the name of a revision is a number")
	}
	c, err := views(s).revision(v.Context(), number)
	if err != nil {
		return shown{}, err
	}
	config := c.Given()
	head := v.w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("cluster-%d.ini", number)))
	fmt.Fprintf(v.w, "# revision %d, deployed at %s\n", number, c.When.UTC().Format(time.RFC3339))
	for _, text := range lacking(config) {
		fmt.Fprintf(v.w, "# %s\n", text)
	}
	fmt.Fprintf(v.w, "\n%s", clusterfile.Text(config))
	return shown{}, nil // a browser that has gone does not matter
}

// lacking says what a cluster file with a configuration leaves out.
func lacking(config mgmt.Configuration) []string {
	return clusterfile.Lacks(config, "the JSON of the API")
}
