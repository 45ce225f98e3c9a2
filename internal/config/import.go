package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxImport is more than any configuration has, in bytes.
const maxImport = 16 << 20

// Import is what `resound apps import` is asked for.
type Import struct {
	File   string // the JSON, absolute, or "-" for the standard input
	Output string // the config file to write, absolute, or "" for the standard output
	Force  bool   // replace what is there

	env map[string]string // names of .env for secrets, by value; nil without --env
}

// newImport is called when the .env file was read, if it is asked for.
func newImport(cmd importCmd, s *sources) *Import {
	i := &Import{File: cmd.File, Force: cmd.Force}
	if i.File != "-" {
		i.File = s.abs(i.File)
	}
	if cmd.Output != "" {
		i.Output = s.abs(cmd.Output)
	}
	if cmd.Env {
		i.env = make(map[string]string)
		for _, name := range slices.Backward(s.names()) {
			raw, _, _ := s.lookup(name)
			if value := word(raw); value != "" {
				i.env[value] = name // the first of several, in the order of the alphabet
			}
		}
	}
	return i
}

// Run reads the JSON and writes the config file. What it has to say beside that goes to notes.
func (i *Import) Run(in io.Reader, out, notes io.Writer) error {
	data, err := i.read(in)
	if err != nil {
		return err
	}
	c, err := convert(data, i.env)
	if err != nil {
		return err
	}
	if i.Output == "" {
		_, err = out.Write(c.text)
		return err
	}
	if err := i.write(c.text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(notes, "%s has %s now, and only its owner may read it. Look at it with: resound check --config=%s\n", i.Output, plural(c.apps, "application"), i.Output)
	return err
}

func (i *Import) read(in io.Reader) ([]byte, error) {
	if i.File != "-" {
		f, err := os.Open(i.File)
		if err != nil {
			return nil, readError(i.File, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return nil, readError(i.File, err)
	}
	if len(data) > maxImport {
		return nil, fmt.Errorf("this is more than %d bytes, and no configuration of Reverb", maxImport)
	}
	return data, nil
}

// write makes the file, or with Force puts it in the place of another in one
// step, so that a server that watches it never sees a half.
func (i *Import) write(text []byte) error {
	if !i.Force {
		f, err := os.OpenFile(i.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already; --force replaces it", i.Output)
		}
		return i.fill(f, err, text)
	}
	f, err := os.CreateTemp(filepath.Dir(i.Output), ".resound-*.yaml") // its mode is 0600
	if err := i.fill(f, err, text); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), i.Output); err != nil {
		_ = os.Remove(f.Name())
		return writeError(i.Output, err)
	}
	return nil
}

// fill writes the text into a file that was just made, and removes it again if that fails.
func (i *Import) fill(f *os.File, err error, text []byte) error {
	if err != nil {
		return writeError(i.Output, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return writeError(i.Output, err)
	}
	return nil
}

func writeError(path string, err error) error {
	return fmt.Errorf("cannot write %s: %w", path, bare(err))
}

func readError(path string, err error) error {
	return fmt.Errorf("cannot read %s: %w", filepath.Clean(path), bare(err))
}

// bare takes off the call and the path, which an error of ours has in its own words.
func bare(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	default:
		return err
	}
}
