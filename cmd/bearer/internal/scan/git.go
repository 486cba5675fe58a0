package scan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Repository is one of git. It is read by the program git, in ways in which
// nothing that the repository says is executed: neither hooks, filters, drivers of
// diffs or monitors of files, nor what fetches objects that are missing.
type Repository struct {
	dir  string
	env  []string
	path string // of its objects and refs
}

// safely are the settings of each git.
var safely = []string{
	"--no-pager", "--no-replace-objects", "--literal-pathspecs",
	"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false",
	"-c", "protocol.allow=never", "-c", "core.bigFileThreshold=32m", // larger files are streamed
}

// OpenRepository returns the repository that a file or a directory is in. If hook
// is true, it is the one whose hook runs, with the index that git names there.
func OpenRepository(ctx context.Context, name string, hook bool) (*Repository, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.IsDir() {
		name = filepath.Dir(name)
	}
	r := &Repository{dir: name, env: environment(hook)}
	out, err := r.output(ctx, "rev-parse", "--path-format=absolute", "--git-common-dir")
	if err != nil {
		return nil, err
	}
	r.path = strings.TrimSuffix(out, "\n")
	return r, nil
}

// Path returns where the repository has its objects: what two work trees share.
func (r *Repository) Path() string { return r.path }

// Lacks returns what a clone does not have of its history, "" for nothing.
func (r *Repository) Lacks(ctx context.Context) (string, error) {
	shallow, err := r.output(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(shallow) == "true" {
		return "it is shallow, and has no older commits", nil
	}
	partial, _ := r.output(ctx, "config", "--get", "extensions.partialClone") // an error: it is not set
	if partial != "" {
		return "it is partial, and has not all files of its commits", nil
	}
	return "", nil
}

// environment returns the environment for calls of git. In a hook, git has set
// variables that name its repository: they are kept for a hook alone, since with
// them, git would take every other repository for that one.
func environment(hook bool) []string {
	env := os.Environ()
	if !hook {
		env = slices.DeleteFunc(env, func(s string) bool {
			name, _, _ := strings.Cut(s, "=")
			return slices.Contains([]string{
				"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX",
				"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE",
			}, name)
		})
	}
	return append(env, "LC_ALL=C", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0")
}

func (r *Repository) git(ctx context.Context, args ...string) *exec.Cmd {
	all := slices.Concat(safely, []string{"-C", r.dir}, args)
	c := exec.CommandContext(ctx, "git", all...) //nolint:gosec // no argument is an option that comes from outside
	c.Env = r.env
	return c
}

// output returns what git writes.
func (r *Repository) output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := r.stream(ctx, nil, func(from io.Reader) error {
		_, err := out.ReadFrom(from)
		return err
	}, args...)
	return out.String(), err
}

// stream runs git, and reads what it writes.
func (r *Repository) stream(ctx context.Context, in io.Reader, read func(io.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := r.git(ctx, args...)
	var complaints bytes.Buffer
	c.Stdin, c.Stderr = in, &limited{w: &complaints, left: 4 << 10}
	out, err := c.StdoutPipe()
	if err != nil {
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	failed := read(out)
	if failed != nil {
		cancel() // or git would wait for someone to read on
	}
	err = c.Wait()
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, Redact(firstLine(complaints.String())))
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(line, "fatal: ")
}

// A limited writes no more than some bytes, and drops others.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	part := p[:min(len(p), l.left)]
	l.left -= len(part)
	_, err := l.w.Write(part)
	return len(p), err
}

// missing is the kind of an object that is not there, or that is broken.
const missing = "missing"

// An object is one of git.
type object struct {
	id, kind string
	size     int64
	content  io.Reader
}

// objects calls each with the objects whose IDs are in a reader, or all that there
// are if it is nil.
func (r *Repository) objects(ctx context.Context, ids io.Reader, each func(object) error) error {
	args := []string{"cat-file", "--batch", "--buffer"}
	if ids == nil {
		args = append(args, "--batch-all-objects", "--unordered")
	}
	return r.stream(ctx, ids, func(out io.Reader) error {
		in := bufio.NewReaderSize(out, 1<<16)
		for {
			if err := readObject(in, each); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}, args...)
}

// readObject reads what git cat-file writes of one object. It returns io.EOF if
// there is none.
func readObject(in *bufio.Reader, each func(object) error) error {
	header, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) && header == "" {
		return io.EOF
	}
	o, err := parseHeader(header, err)
	if err != nil {
		return err
	}
	if o.kind == missing {
		return each(o)
	}
	content := &io.LimitedReader{R: in, N: o.size}
	o.content = content
	if err := each(o); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil { // what each has left
		return fmt.Errorf("git cat-file: %w", err)
	}
	if _, err := in.Discard(1); err != nil { // a line end
		return errors.New("git cat-file: an object is cut")
	}
	return nil
}

// parseHeader reads the line in front of an object.
func parseHeader(header string, err error) (object, error) {
	fields := strings.Fields(header)
	if err == nil && len(fields) == 2 && fields[1] == missing {
		return object{id: fields[0], kind: missing, content: strings.NewReader("")}, nil
	}
	if err != nil || len(fields) != 3 {
		return object{}, fmt.Errorf("git cat-file: %.80q is not the header of an object", header)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	return object{id: fields[0], kind: fields[1], size: size}, err
}
