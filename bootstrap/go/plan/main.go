// Go-plan works out how Go packages are built without cmd/go, which cannot start processes in WASI.
//
//	go-plan plan -std DIR -out DIR [-module PATH=DIR]... PACKAGE...
//	go-plan steps -std DIR -out DIR [-module PATH=DIR]... PACKAGE...
//	go-plan pack ARCHIVE OBJECT...
//
// "plan" prints, as JSON, every package that the named ones are built from, each after what it imports, and the
// programs among the named ones. Each comes with its steps, as nuka's builds do them: see steps.go. What the packages are
// built for is taken from GOOS and GOARCH, and Go's own sources from GOROOT, as everywhere in Go.
//
// "steps" prints the same as one list of steps for one build, in the text that "steps-from" reads. Go's own packages are left
// out, as their archives are where -std says; but for a PACKAGE "std", which is all of them.
//
// "pack" adds objects to an archive as cmd/go does it: with no times, owners or modes.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("the commands are plan, steps and pack"))
	}
	var err error
	switch command, rest := os.Args[1], os.Args[2:]; command {
	case "plan":
		err = plan(rest, false)
	case "steps":
		err = plan(rest, true)
	case "pack":
		err = pack(rest)
	default:
		err = fmt.Errorf("%q is not a command: there are plan, steps and pack", command)
	}
	fail(err)
}

// fail ends the program if there is an error.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-plan:", err)
		os.Exit(1)
	}
}

// output is what "plan" prints.
type output struct {
	// Packages come after all that they import.
	Packages []*entry `json:"packages"`
	// Programs are those of the named packages that are called main.
	Programs []*entry `json:"programs"`
}

// entry is one package to compile, or one program to link.
type entry struct {
	// Path is the import path.
	Path string `json:"path"`
	// Needs has the packages whose archives must be there: what is imported, or, to link, all of them.
	Needs []string `json:"needs"`
	// Bytes is the size of the sources, which the time that compiling takes is about in proportion to.
	Bytes int64 `json:"bytes"`
	// Steps are nuka's.
	Steps []step `json:"steps"`
}

func plan(args []string, together bool) error {
	flags := flag.NewFlagSet("plan", flag.ContinueOnError)
	var places places
	flags.StringVar(&places.std, "std", "", "where the archives of Go's own packages are")
	flags.StringVar(&places.out, "out", "", "where new archives are put, below the working directory")
	var modules modules
	flags.Func("module", "a module's path and directory, as PATH=DIR", modules.add)
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if places.work, err = os.Getwd(); err != nil {
		return err
	}
	places.together = together && !slices.Contains(flags.Args(), "std")
	graph, err := load(modules, flags.Args())
	if err != nil {
		return err
	}
	var out output
	for _, p := range graph.order {
		if places.together && p.shipped() {
			continue
		}
		steps, err := compile(p, graph, places)
		if err != nil {
			return err
		}
		out.Packages = append(out.Packages, &entry{p.path, p.needs, p.bytes, steps})
	}
	for _, path := range flags.Args() {
		if path == "std" {
			continue
		}
		if p := graph.known[path]; p.Name == "main" {
			all := graph.closure(path)
			out.Programs = append(out.Programs, &entry{path, all, 0, link(p, all, graph, places)})
		}
	}
	if together {
		return printSteps(&out)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}

// modules are found by the longest path that an import path begins with.
type modules struct{ list []module }

type module struct {
	path, dir string
	// lang is the version of the language that the module is written in, as "1.22".
	lang string
}

func (m *modules) add(text string) error {
	path, dir, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not PATH=DIR", text)
	}
	// Without go.mod or a line in it, Go takes the language of 1.16.
	lang := "1.16"
	lines, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for line := range strings.Lines(string(lines)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "go" {
			parts := strings.SplitN(words[1], ".", 3)
			lang = strings.Join(parts[:min(2, len(parts))], ".")
		}
	}
	m.list = append(m.list, module{path, dir, lang})
	return nil
}

func (m *modules) find(path string) (found module, rest string, ok bool) {
	for _, each := range m.list {
		tail, in := strings.CutPrefix(path, each.path)
		if in && (tail == "" || tail[0] == '/') && len(each.path) >= len(found.path) {
			found, rest, ok = each, strings.TrimPrefix(tail, "/"), true
		}
	}
	return found, rest, ok
}
