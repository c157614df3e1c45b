package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// printSteps prints one list of steps: packages that need nothing of one another side by side, then the programs.
func printSteps(out *output) error {
	level := map[string]int{}
	var levels [][]any
	for _, p := range out.Packages {
		at := 0
		for _, need := range p.Needs {
			if below, here := level[need]; here {
				at = max(at, below+1)
			}
		}
		level[p.Path] = at
		if at == len(levels) {
			levels = append(levels, nil)
		}
		levels[at] = append(levels[at], p.Steps)
	}
	var programs []any
	for _, p := range out.Programs {
		programs = append(programs, p.Steps)
	}
	if len(programs) > 0 {
		levels = append(levels, programs)
	}
	var steps []any
	for _, branches := range levels {
		steps = append(steps, step{"parallel": branches})
	}
	text := bufio.NewWriter(os.Stdout)
	if err := nuon(text, steps); err != nil {
		return err
	}
	text.WriteByte('\n')
	return text.Flush()
}

// nuon writes a value in the one form that nuka reads: keys sorted, one space after : and , and no other.
func nuon(w *bufio.Writer, value any) error {
	switch value := value.(type) {
	case bool:
		fmt.Fprint(w, value)
	case string:
		quote(w, value)
	case step:
		return nuon(w, map[string]any(value))
	case map[string]any:
		w.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(value)) {
			if i > 0 {
				w.WriteString(", ")
			}
			w.WriteString(key + ": ")
			if err := nuon(w, value[key]); err != nil {
				return err
			}
		}
		w.WriteByte('}')
	case []string:
		return list(w, value)
	case []step:
		return list(w, value)
	case []any:
		return list(w, value)
	default:
		return fmt.Errorf("a step has a %T in it", value)
	}
	return nil
}

func list[T any](w *bufio.Writer, values []T) error {
	w.WriteByte('[')
	for i, value := range values {
		if i > 0 {
			w.WriteString(", ")
		}
		if err := nuon(w, any(value)); err != nil {
			return err
		}
	}
	w.WriteByte(']')
	return nil
}

func quote(w *bufio.Writer, text string) {
	w.WriteByte('"')
	for _, c := range text {
		if at := strings.IndexRune("\"\\\n\r\t", c); at >= 0 {
			w.WriteString([]string{`\"`, `\\`, `\n`, `\r`, `\t`}[at])
		} else if c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			fmt.Fprintf(w, `\u{%x}`, c)
		} else {
			w.WriteRune(c)
		}
	}
	w.WriteByte('"')
}
