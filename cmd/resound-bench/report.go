package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"resound/bench"
	pages "resound/bench/report"
)

type reportCommand struct {
	Files      []string `arg:"" optional:"" name:"file" help:"Saved results, of --json or --out."`
	HTML       string   `name:"html" placeholder:"FILE" help:"Write a page with tables, plots, commands, settings and the raw figures, all in one file."`
	Markdown   string   `placeholder:"FILE" help:"Write the tables as Markdown, with the plots of --svg if that is given. Without any flag it goes to standard output."`
	SVG        string   `name:"svg" placeholder:"DIR" help:"Write the plots to this directory: NAME-PLOT.svg, and those that compare all files."`
	Title      string   `default:"Benchmark results" placeholder:"TEXT" help:"Title of the page (default ${default})."`
	Benchmarks bool     `help:"Write BENCHMARKS.md and its plots anew out of bench/results, in the repository at --root."`
	Root       string   `default:"." placeholder:"DIR" help:"Where the repository is, for --benchmarks (default ${default})."`
}

// Help is shown by --help.
func (reportCommand) Help() string {
	return `Examples:

    resound-bench fanout --sockets 1000 --json fanout.json
    resound-bench report fanout.json
    resound-bench report fanout.json --html fanout.html
    resound-bench report results/*.json --markdown results.md --svg plots
    resound-bench report --benchmarks`
}

func (c reportCommand) run(context.Context) error {
	switch {
	case c.Benchmarks && len(c.Files) > 0:
		return fmt.Errorf("--benchmarks takes the results in bench/results: leave the files away")
	case c.Benchmarks:
		return pages.WriteBenchmarks(c.Root)
	case len(c.Files) == 0:
		return fmt.Errorf("which results? Name the files, as in resound-bench report fanout.json --html fanout.html")
	}
	var list []*bench.Saved
	var failures []error
	for _, file := range c.Files {
		s, err := bench.Load(file)
		list, failures = append(list, s), append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if c.SVG != "" {
		if err := c.writePlots(list); err != nil {
			return err
		}
	}
	if c.HTML != "" {
		page, err := pages.HTML(c.Title, list)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.HTML, []byte(page), 0o644); err != nil {
			return err
		}
	}
	return c.writeMarkdown(list)
}

func (c reportCommand) writePlots(list []*bench.Saved) error {
	failures := []error{os.MkdirAll(c.SVG, 0o755)}
	for name, svg := range pages.SVGs(list) {
		failures = append(failures, os.WriteFile(filepath.Join(c.SVG, name), svg, 0o644))
	}
	return errors.Join(failures...)
}

// writeMarkdown writes the page where it is wanted; to standard output if nothing else is.
func (c reportCommand) writeMarkdown(list []*bench.Saved) error {
	if c.Markdown == "" {
		if c.HTML == "" && c.SVG == "" {
			_, err := fmt.Print(pages.Markdown(c.Title, list, ""))
			return err
		}
		return nil
	}
	figures := ""
	if c.SVG != "" {
		from, err := filepath.Abs(filepath.Dir(c.Markdown))
		if err != nil {
			return err
		}
		to, err := filepath.Abs(c.SVG)
		if err != nil {
			return err
		}
		if figures, err = filepath.Rel(from, to); err != nil {
			return err
		}
		figures = filepath.ToSlash(figures)
	}
	return os.WriteFile(c.Markdown, []byte(pages.Markdown(c.Title, list, figures)), 0o644)
}
