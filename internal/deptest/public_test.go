package deptest

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// publicPackages are the packages that other modules can import.
var publicPackages = []string{"client", "client/api", "node"}

// load returns the public packages with the types that an importing program sees.
func load(t *testing.T) []*types.Package {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, name := range publicPackages {
		args = append(args, module+"/"+name)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	compiled := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})
	var pkgs []*types.Package
	for _, name := range publicPackages {
		pkg, err := compiled.Import(module + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, pkg)
	}
	return pkgs
}

// TestPublicPackagesOwnTheirTypes checks that no exported name has a type of an
// internal package. A program of another module could not name such a type, and
// would find no documentation of it.
func TestPublicPackagesOwnTheirTypes(t *testing.T) {
	for _, pkg := range load(t) {
		s := surface{seen: map[types.Type]bool{}}
		for _, name := range pkg.Scope().Names() {
			if obj := pkg.Scope().Lookup(name); obj.Exported() {
				s.walk(pkg.Name()+"."+name, obj.Type())
			}
		}
		for _, wrong := range s.foreign {
			t.Error(wrong)
		}
	}
}

// surface collects the types that a program can reach from a package's exported
// names.
type surface struct {
	seen    map[types.Type]bool
	foreign []string // one sentence for each name whose type is in an internal package
}

func (s *surface) walk(where string, typ types.Type) {
	typ = types.Unalias(typ)
	if s.seen[typ] {
		return
	}
	s.seen[typ] = true
	switch typ := typ.(type) {
	case *types.Named:
		s.walkNamed(where, typ)
	case *types.Struct:
		for field := range typ.Fields() {
			if field.Exported() {
				s.walk(where+"."+field.Name(), field.Type())
			}
		}
	case *types.Signature:
		s.walkTuple(where, typ.Params())
		s.walkTuple(where, typ.Results())
	case *types.Interface:
		for method := range typ.Methods() {
			s.walk(where+"."+method.Name(), method.Type())
		}
	case *types.Map:
		s.walk(where, typ.Key())
		s.walk(where, typ.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		s.walk(where, typ.Elem())
	}
}

func (s *surface) walkNamed(where string, typ *types.Named) {
	pkg := typ.Obj().Pkg()
	if pkg == nil {
		return // the type is predeclared, such as error
	}
	if strings.HasPrefix(pkg.Path(), module+"/internal/") {
		s.foreign = append(s.foreign, fmt.Sprintf("%s is of type %s", where, typ))
		return
	}
	if !strings.HasPrefix(pkg.Path(), module+"/") {
		return // the type is of the standard library
	}
	s.walk(where, typ.Underlying())
	for method := range typ.Methods() {
		if method.Exported() {
			s.walk(where+"."+method.Name(), method.Type())
		}
	}
}

func (s *surface) walkTuple(where string, tuple *types.Tuple) {
	for v := range tuple.Variables() {
		s.walk(where, v.Type())
	}
}

func TestSurfaceFindsInternalTypes(t *testing.T) {
	internal := types.NewPackage(module+"/internal/mgmt", "mgmt")
	public := types.NewPackage(module+"/client", "client")
	named := func(pkg *types.Package, name string, of types.Type) *types.Named {
		return types.NewNamed(types.NewTypeName(token.NoPos, pkg, name, nil), of, nil)
	}
	state := named(internal, "State", types.Typ[types.String])
	field := func(name string, of types.Type) *types.Var {
		return types.NewField(token.NoPos, public, name, of, false)
	}
	for name, tt := range map[string]struct {
		typ  types.Type
		want string
	}{
		"an exported field":    {named(public, "Node", types.NewStruct([]*types.Var{field("State", types.NewPointer(state))}, nil)), "x.State is of type " + state.String()},
		"an unexported field":  {named(public, "Node", types.NewStruct([]*types.Var{field("state", state)}, nil)), ""},
		"a parameter":          {types.NewSignatureType(nil, nil, nil, types.NewTuple(field("", types.NewSlice(state))), nil, false), "x is of type " + state.String()},
		"a result":             {types.NewSignatureType(nil, nil, nil, nil, types.NewTuple(field("", types.NewMap(state, state))), false), "x is of type " + state.String()},
		"an alias":             {types.NewAlias(types.NewTypeName(token.NoPos, public, "State", nil), state), "x is of type " + state.String()},
		"a type of its own":    {named(public, "State", types.Typ[types.String]), ""},
		"a type of the system": {types.Universe.Lookup("error").Type(), ""},
	} {
		s := surface{seen: map[types.Type]bool{}}
		s.walk("x", tt.typ)
		if got := strings.Join(s.foreign, "; "); got != tt.want {
			t.Errorf("%s: found %q, want %q", name, got, tt.want)
		}
	}
}

func TestPublicPackagesAreDocumented(t *testing.T) {
	for _, name := range publicPackages {
		for _, file := range parsePackage(t, "../../"+name) {
			for _, decl := range file.Decls {
				for _, name := range undocumented(decl) {
					t.Errorf("%s of package %s has no comment", name, file.Name.Name)
				}
			}
		}
	}
}

// parsePackage returns the files of a package without its tests.
func parsePackage(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		t.Fatalf("no package in %s", dir)
	}
	return files
}

// undocumented returns the exported names that decl declares without a comment.
// The comment of a group counts for every name in the group.
func undocumented(decl ast.Decl) []string {
	var names []string
	add := func(name *ast.Ident, comments ...*ast.CommentGroup) {
		if name.IsExported() && !slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c != nil }) {
			names = append(names, name.Name)
		}
	}
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil || ast.IsExported(receiver(decl)) {
			add(decl.Name, decl.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				add(spec.Name, decl.Doc, spec.Doc)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					add(name, decl.Doc, spec.Doc, spec.Comment)
				}
			}
		}
	}
	return names
}

// receiver returns the name of the type that has decl as a method.
func receiver(decl *ast.FuncDecl) string {
	typ := decl.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	return typ.(*ast.Ident).Name
}

// TestAnotherModuleUsesThePublicPackages builds and runs a program of another
// module. The build downloads nothing.
func TestAnotherModuleUsesThePublicPackages(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/othermodule")); err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("go", "mod", "edit", "-replace", module+"="+root)
	run("go", "vet", ".")
	run("go", "build", "-o", "sensors", ".")
	// No program listens on port 1.
	want := "node: joined and left\nclient: no answer from 127.0.0.1:1 in connect(), usually 127.0.0.1:2149\n" +
		"api: ask the controller at 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\n"
	if got := run("./sensors", "127.0.0.1:1"); got != want {
		t.Errorf("the program said\n%swant\n%s", got, want)
	}
}

// readAll returns the text of all files whose names match.
func readAll(t *testing.T, pattern string) (text []byte) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		more, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, more...)
	}
	return text
}

func TestTheOtherModuleUsesEverything(t *testing.T) {
	text := readAll(t, "testdata/othermodule/*.go")
	for _, pkg := range load(t) {
		for _, name := range pkg.Scope().Names() {
			if ast.IsExported(name) && !regexp.MustCompile(`\b`+pkg.Name()+`\.`+name+`\b`).Match(text) {
				t.Errorf("the program in testdata/othermodule does not use %s.%s", pkg.Name(), name)
			}
		}
	}
}
