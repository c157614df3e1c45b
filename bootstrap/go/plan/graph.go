package main

import (
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is a package with what Go's own rules say of it: its files for this target, what it imports.
type pkg struct {
	*build.Package
	// path is the import path, with "vendor/" or "cmd/vendor/" before it where Go's own packages have copies.
	path string
	// std says whether it is one of Go's own.
	std bool
	// lang is the version of the language that it is written in.
	lang string
	// needs are the paths of what it imports, sorted.
	needs []string
	// renamed has the paths of those imports that the source names otherwise.
	renamed map[string]string
	bytes   int64
}

// shipped says whether it is one that programs find made: one of Go's own, but for those of its tools.
func (p *pkg) shipped() bool {
	return p.std && !strings.HasPrefix(p.path, "cmd/")
}

type graph struct {
	modules modules
	context build.Context
	known   map[string]*pkg
	// order has each package after what it imports.
	order []*pkg
}

// load reads the named packages and all that they import, and the run-time library, which every program has.
func load(modules modules, paths []string) (*graph, error) {
	g := &graph{modules: modules, context: build.Default, known: map[string]*pkg{}}
	g.context.CgoEnabled = false
	if slices.Contains(paths, "std") {
		std, err := g.std()
		if err != nil {
			return nil, err
		}
		paths = append(std, slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "std" })...)
	}
	for _, path := range append([]string{"runtime"}, paths...) {
		if err := g.visit(path, nil); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *graph) visit(path string, from []string) error {
	if slices.Contains(from, path) {
		return fmt.Errorf("%s imports itself: %s", path, strings.Join(from, " > "))
	}
	if g.known[path] != nil {
		return nil
	}
	p, err := g.read(path)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append(from, path), " > "), err)
	}
	for _, need := range p.needs {
		if err := g.visit(need, append(from, path)); err != nil {
			return err
		}
	}
	g.known[path] = p
	g.order = append(g.order, p)
	return nil
}

func (g *graph) read(path string) (*pkg, error) {
	p := &pkg{path: path, needs: []string{}, renamed: map[string]string{}}
	var dir string
	if module, rest, ok := g.modules.find(path); ok {
		dir, p.lang = filepath.Join(module.dir, rest), module.lang
	} else {
		dir, p.std, p.lang = filepath.Join(g.context.GOROOT, "src", path), true, language(g.context)
	}
	var err error
	if p.Package, err = g.context.ImportDir(dir, 0); err != nil {
		return nil, err
	}
	for _, files := range [][]string{p.GoFiles, p.SFiles} {
		for _, name := range files {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			p.bytes += info.Size()
		}
	}
	for _, name := range p.Imports {
		if name == "unsafe" || name == "C" {
			continue
		}
		at := name
		// Go's own packages have copies of what they use of others: only those have a dot in the first element.
		if first, _, _ := strings.Cut(name, "/"); p.std && strings.Contains(first, ".") {
			at = "vendor/" + name
			if strings.HasPrefix(path, "cmd/") {
				at = "cmd/" + at
			}
			p.renamed[name] = at
		}
		p.needs = append(p.needs, at)
	}
	slices.Sort(p.needs)
	p.needs = slices.Compact(p.needs)
	return p, nil
}

// std finds Go's own packages that have files for this target, but for those of its tools.
func (g *graph) std() ([]string, error) {
	root := filepath.Join(g.context.GOROOT, "src")
	var all []string
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || dir == root {
			return err
		}
		path, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		hidden := []string{"builtin", "cmd", "testdata", "vendor"}
		if name := entry.Name(); slices.Contains(hidden, name) || strings.ContainsAny(name[:1], "._") {
			return fs.SkipDir
		}
		switch found, err := g.context.ImportDir(dir, 0); err.(type) {
		case nil:
			// Some have nothing but tests.
			if len(found.GoFiles) > 0 {
				all = append(all, filepath.ToSlash(path))
			}
		case *build.NoGoError:
		default:
			return err
		}
		return nil
	})
	return slices.DeleteFunc(all, func(path string) bool { return path == "unsafe" }), err
}

// language is the newest that this Go knows, as "1.27".
func language(context build.Context) string {
	return strings.TrimPrefix(context.ReleaseTags[len(context.ReleaseTags)-1], "go")
}

// closure has a program's packages, itself too, sorted.
func (g *graph) closure(path string) []string {
	seen := map[string]bool{}
	stack := []string{path, "runtime"}
	for len(stack) > 0 {
		path := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !seen[path] {
			seen[path] = true
			stack = append(stack, g.known[path].needs...)
		}
	}
	all := make([]string, 0, len(seen))
	for path := range seen {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}
