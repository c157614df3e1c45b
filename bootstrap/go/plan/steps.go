package main

import (
	"encoding/json"
	"fmt"
	"go/build"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// step is one of nuka's build steps: a record with one field, its verb.
type step map[string]any

// run starts a program in a directory.
func run(directory string, command ...string) step {
	return step{"run": map[string]any{"command": command, "directory": directory}}
}

func write(path, text string) step {
	return step{"write": map[string]any{"path": path, "text": text}}
}

// places says where archives are.
type places struct {
	std, out string
	// work is where the build is done.
	work string
	// together says that Go's own packages are there, and all others are built in one build, where they find each other.
	together bool
}

// archive is where the archive of a package is, once it is built.
func (at places) archive(p *pkg) string {
	root := at.std
	if at.together && !p.shipped() {
		root = filepath.Join(at.work, at.out)
	}
	return archive(root, p.path)
}

func archive(root, path string) string {
	return filepath.Join(root, build.Default.GOOS+"_"+build.Default.GOARCH, path+".a")
}

// Packages that have functions without a body although they have no assembly: the run-time library has those.
var bodiless = []string{
	"bytes", "internal/poll", "net", "os", "runtime/metrics", "runtime/pprof", "runtime/trace", "sync", "syscall", "time",
}

// compile gives the steps that make a package's archive, with the arguments that cmd/go gives to the same tools.
func compile(p *pkg, g *graph, at places) ([]step, error) {
	object, target := filepath.Join(at.work, "obj", p.path), archive(filepath.Join(at.work, at.out), p.path)
	name := p.path
	if p.Name == "main" {
		name = "main"
	}
	// Go's own sources are named from the root of them, so that what panics print is the same everywhere.
	directory, files := p.Dir, "./"
	if p.std {
		directory, files = filepath.Join(build.Default.GOROOT, "src"), "./"+p.path+"/"
	}
	trim := p.Dir + "=>" + p.path + ";" + object + "=>"
	arguments := []string{"compile", "-o", target, "-trimpath", trim, "-p", name, "-lang=go" + p.lang}
	if p.std {
		arguments = append(arguments, "-std")
	}
	if len(p.SFiles) == 0 && !(p.std && slices.Contains(bodiless, p.path)) {
		arguments = append(arguments, "-complete")
	}
	if build.Default.GOARCH == "wasm" {
		arguments = append(arguments, "-dwarf=false")
	}
	arguments = append(arguments, "-goversion", version())
	steps := []step{{"make_directory": object}, {"make_directory": path.Dir(target)}}
	steps = append(steps, write(object+"/importcfg", importcfg(p, g, at)))
	assembler := assemblerArguments(p, name, trim, object)
	if len(p.SFiles) > 0 {
		// What the compiler will write there is not known to this first reading, and not needed by it.
		steps = append(steps, write(object+"/go_asm.h", ""))
		first := append(assembler, "-gensymabis", "-o", object+"/symabis")
		for _, file := range p.SFiles {
			first = append(first, "./"+file)
		}
		steps = append(steps, run(p.Dir, first...))
		arguments = append(arguments, "-symabis", object+"/symabis")
	}
	arguments = append(arguments, "-c=1", "-nolocalimports", "-importcfg", object+"/importcfg")
	if len(p.EmbedPatterns) > 0 {
		config, err := embedcfg(p)
		if err != nil {
			return nil, err
		}
		steps = append(steps, write(object+"/embedcfg", config))
		arguments = append(arguments, "-embedcfg", object+"/embedcfg")
	}
	arguments = append(arguments, "-pack")
	if len(p.SFiles) > 0 {
		arguments = append(arguments, "-asmhdr", object+"/go_asm.h")
	}
	for _, file := range p.GoFiles {
		arguments = append(arguments, files+file)
	}
	steps = append(steps, run(directory, arguments...))
	if len(p.SFiles) == 0 {
		return steps, nil
	}
	pack := []string{"go-plan", "pack", target}
	for _, file := range p.SFiles {
		result := object + "/" + strings.TrimSuffix(file, ".s") + ".o"
		steps = append(steps, run(p.Dir, slices.Concat(assembler, []string{"-o", result, "./" + file})...))
		pack = append(pack, result)
	}
	return append(steps, run(at.work, pack...)), nil
}

func assemblerArguments(p *pkg, name, trim, object string) []string {
	target := build.Default
	arguments := []string{"asm", "-p", name, "-trimpath", trim, "-I", object + "/", "-I", target.GOROOT + "/pkg/include",
		"-D", "GOOS_" + target.GOOS, "-D", "GOARCH_" + target.GOARCH}
	if p.std {
		arguments = append(arguments, "-std")
	}
	if target.GOARCH == "amd64" {
		arguments = append(arguments, "-D", "GOAMD64_v1")
	}
	return slices.Clip(arguments)
}

func importcfg(p *pkg, g *graph, at places) string {
	var text strings.Builder
	text.WriteString("# import config\n")
	for _, name := range p.Imports {
		if at, other := p.renamed[name]; other {
			fmt.Fprintf(&text, "importmap %s=%s\n", name, at)
		}
	}
	for _, need := range p.needs {
		fmt.Fprintf(&text, "packagefile %s=%s\n", need, at.archive(g.known[need]))
	}
	return text.String()
}

// link gives the steps that make a program of all its packages' archives.
func link(p *pkg, all []string, g *graph, at places) []step {
	name := path.Base(p.path)
	config := filepath.Join(at.work, "obj", name+".importcfg.link")
	var text strings.Builder
	for _, each := range all {
		fmt.Fprintf(&text, "packagefile %s=%s\n", each, at.archive(g.known[each]))
	}
	fmt.Fprintf(&text, "modinfo %q\n", modinfo(p, g))
	directory := filepath.Join(at.work, "out/usr/bin")
	target := filepath.Join(directory, name)
	if build.Default.GOOS == "windows" {
		target += ".exe"
	}
	arguments := []string{"link", "-o", target, "-importcfg", config}
	if strings.HasPrefix(p.path, "cmd/") {
		// cmd/go puts here what tells the builds of a tool apart. Ours are told apart by their bits.
		arguments = append(arguments, "-X=cmd/internal/objabi.buildID=nuka")
	}
	arguments = append(arguments, "-buildmode=exe", "-s", "-w", "-buildid=", at.archive(p))
	return []step{
		{"make_directory": directory},
		write(config, text.String()),
		run(at.work, arguments...),
		// The linker's mode does not outlive WASI, where files have none.
		{"install": map[string]any{"from": []string{target}, "to": "bin/", "executable": true}},
	}
}

// modinfo is what "go version -m" shows of a program, between two marks by which it is found.
func modinfo(p *pkg, g *graph) string {
	var text strings.Builder
	fmt.Fprintf(&text, "path\t%s\n", p.path)
	if module, _, ok := g.modules.find(p.path); ok {
		fmt.Fprintf(&text, "mod\t%s\t(devel)\t\n", module.path)
	}
	text.WriteString("build\t-buildmode=exe\nbuild\t-compiler=gc\nbuild\t-trimpath=true\nbuild\tCGO_ENABLED=0\n")
	target := build.Default
	fmt.Fprintf(&text, "build\tGOARCH=%s\nbuild\tGOOS=%s\n", target.GOARCH, target.GOOS)
	if target.GOARCH == "amd64" {
		text.WriteString("build\tGOAMD64=v1\n")
	}
	if target.GOARCH == "arm64" {
		text.WriteString("build\tGOARM64=v8.0\n")
	}
	const begin, end = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	return begin + text.String() + end
}

// embedcfg says, as cmd/go does to the compiler, which files each //go:embed pattern means.
func embedcfg(p *pkg) (string, error) {
	config := struct {
		Patterns map[string][]string
		Files    map[string]string
	}{map[string][]string{}, map[string]string{}}
	for _, pattern := range p.EmbedPatterns {
		files, err := embedded(p.Dir, pattern)
		if err != nil {
			return "", err
		}
		config.Patterns[pattern] = files
		for _, file := range files {
			config.Files[file] = filepath.Join(p.Dir, file)
		}
	}
	text, err := json.Marshal(&config)
	return string(text), err
}
