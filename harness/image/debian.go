package image

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
	"runtime"
	"strings"

	"github.com/moby/moby/client"
)

const (
	builtRepository = "pgcrucible/postgres"
	// builtLabel says on an image of ours what it was built from.
	builtLabel = "io.pgcrucible.built-from"
	// buildSpace is what a build needs in the folder for temporary files.
	buildSpace = 3 << 29
	aptFolder  = "/etc/apt"
)

// suitesOf says in which suites of Debian a version of PostgreSQL is, to be tried in this order.
func suitesOf(version string) []string {
	switch version {
	case "15":
		return []string{"bookworm"}
	case "17":
		return []string{"trixie"}
	case "18":
		return []string{"sid", "forky"} // unstable may have moved on
	}
	return nil
}

// builder builds an image with PostgreSQL from Debian packages.
type builder struct {
	docker    *client.Client
	version   string
	reference string
	log       func(string)
}

// build builds the image unless another process has done so meanwhile.
func (b builder) build(ctx context.Context) error {
	suites := suitesOf(b.version)
	if len(suites) == 0 {
		return unusable(nil, "PostgreSQL %s: not known to be in any suite of Debian; want 15, 17 or 18, or an image by name", b.version)
	}
	if err := b.possible(ctx); err != nil {
		return err
	}
	cache, err := CacheDir()
	if err != nil {
		return err
	}
	waiting := func() { b.log("another process is building an image: waiting for it") }
	unlock, err := lock(ctx, filepath.Join(cache, "postgres.lock"), waiting)
	if err != nil {
		return err
	}
	defer unlock()
	if has, err := hasImage(ctx, b.docker, b.reference); has || err != nil {
		return err
	}
	var refused []error
	for _, suite := range suites {
		err := b.fromSuite(ctx, suite)
		if err == nil || ctx.Err() != nil {
			return err
		}
		refused = append(refused, err)
	}
	return unusable(errors.Join(refused...), "image %s: %s", b.reference, oneLine(errors.Join(refused...)))
}

// possible checks what a build needs of this machine before anything is fetched.
func (b builder) possible(ctx context.Context) error {
	arch, err := architecture(ctx, b.docker)
	if err != nil {
		return err
	}
	if arch != runtime.GOARCH {
		return unusable(nil, "image %s: the engine is %s and this machine %s, so it cannot be built here; name an image", b.reference, arch, runtime.GOARCH)
	}
	if err := enoughSpace(os.TempDir(), buildSpace, "the folder for temporary files (TMPDIR)", freeSpace); err != nil {
		return err
	}
	return haveMmdebstrap(ctx, b.log)
}

// haveMmdebstrap installs mmdebstrap if it is missing and this process may.
func haveMmdebstrap(ctx context.Context, log func(string)) error {
	if _, err := exec.LookPath("mmdebstrap"); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return unusable(err, "PostgreSQL's image cannot be built: this machine has no mmdebstrap and is not Debian; name an image, or let the engine pull the official one")
	}
	if os.Getuid() != 0 {
		return unusable(nil, "PostgreSQL's image cannot be built: mmdebstrap is missing and uid %d may not install it; run apt-get install mmdebstrap", os.Getuid())
	}
	log("installing mmdebstrap")
	install := func() error {
		command := exec.CommandContext(ctx, "apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap")
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return complaining(command)
	}
	err := install()
	if err != nil { // perhaps the package lists are missing or old
		err = errors.Join(complaining(exec.CommandContext(ctx, "apt-get", "update")), install())
	}
	if err != nil {
		return unusable(err, "PostgreSQL's image cannot be built: installing mmdebstrap: %s", oneLine(err))
	}
	return nil
}

// complaining runs a command; its error ends with the last line of what it complained.
func complaining(command *exec.Cmd) error {
	var complaint bytes.Buffer
	command.Stderr = &complaint
	if err := command.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		return fmt.Errorf("%s: %w: %s", command.Args[0], err, lines[len(lines)-1])
	}
	return nil
}

// fromSuite builds the image from one suite; the packages go straight from mmdebstrap into the engine.
func (b builder) fromSuite(ctx context.Context, suite string) error {
	from, err := findMirror(ctx, aptFolder, suite)
	if err != nil {
		return err
	}
	b.log(fmt.Sprintf("building %s from Debian %s packages of %s", b.reference, suite, from.URI))
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	packed := make(chan error, 1)
	go func() {
		err := b.pack(ctx, suite, from, write)
		_ = write.CloseWithError(err) // never fails; the import sees err and must not take half an image
		packed <- err
	}()
	importErr := importImage(ctx, b.docker, read, b.reference, changes(b.version, suite, from))
	_ = read.CloseWithError(importErr) // stops the packing if the import gave up
	if err := <-packed; err != nil {
		return err
	}
	return importErr
}

// changes are the lines of a Dockerfile that the image gets.
func changes(version, suite string, from mirror) []string {
	const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return []string{
		"ENV PATH=/usr/lib/postgresql/" + version + "/bin:" + system,
		"ENV LANG=C.UTF-8",
		fmt.Sprintf("LABEL %s=%q", builtLabel, "Debian "+suite+" packages of "+from.URI),
		`CMD ["postgres"]`,
	}
}

// pack runs mmdebstrap and writes the image's files to out as a tar.
func (b builder) pack(ctx context.Context, suite string, from mirror, out io.Writer) error {
	// The kernel ties the death signal to the thread that starts the child, so that thread must live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.CommandContext(ctx, "mmdebstrap", mmdebstrapArguments(ctx, b.version, suite, from)...)
	command.Stdout = out
	contain(command)
	progress, err := command.StderrPipe()
	if err != nil {
		return fmt.Errorf("run mmdebstrap: %w", err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("run mmdebstrap: %w", err)
	}
	complaint := b.follow(progress)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("mmdebstrap %s: %w: %s", suite, err, complaint)
	}
	return nil
}

// follow hands on the steps that mmdebstrap names, and returns the first line that looks like the cause of a failure.
func (b builder) follow(progress io.Reader) string {
	var specific, general string
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch step, ok := strings.CutPrefix(line, "I: "); {
		case ok:
			b.log("mmdebstrap: " + step)
		case strings.Contains(line, " error: ") && specific == "":
			specific = line
		case strings.HasPrefix(line, "E: ") && general == "":
			general = strings.TrimPrefix(line, "E: ")
		}
	}
	return orElse(specific, general)
}
