package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// version is that of the Go which this program was built by, as "go1.27.3".
func version() string {
	// What follows the first space are experiments.
	name, _, _ := strings.Cut(runtime.Version(), " ")
	return name
}

// pack adds objects to an archive. The form of an entry is that of Unix archives: a name of 16 bytes, time, owner, group,
// mode, size, and the bytes, made even.
func pack(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("pack wants an archive and objects")
	}
	archive, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	for _, object := range args[1:] {
		bytes, err := os.ReadFile(object)
		if err != nil {
			return err
		}
		name := filepath.Base(object)
		header := fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n", name[:min(16, len(name))], 0, 0, 0, 0o644, len(bytes))
		archive = append(append(archive, header...), bytes...)
		if len(bytes)%2 == 1 {
			archive = append(archive, 0)
		}
	}
	return os.WriteFile(args[0], archive, 0o644)
}

// embedded finds the files that a //go:embed pattern means: of directories all below, but for names that begin with . or _
// unless the pattern begins with "all:".
func embedded(dir, pattern string) ([]string, error) {
	glob, all := strings.CutPrefix(pattern, "all:")
	matches, err := fs.Glob(os.DirFS(dir), glob)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, match := range matches {
		err := fs.WalkDir(os.DirFS(dir), match, func(at string, entry fs.DirEntry, err error) error {
			hidden := at != match && strings.ContainsAny(path.Base(at)[:1], "._") && !all
			switch {
			case err != nil:
				return err
			case hidden && entry.IsDir():
				return fs.SkipDir
			case !hidden && entry.Type().IsRegular():
				files = append(files, at)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: the pattern %q of a //go:embed matches no file", dir, pattern)
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}
