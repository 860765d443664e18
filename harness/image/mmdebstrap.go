package image

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// tidyWithin is how long mmdebstrap may take to remove what it has unpacked.
const tidyWithin = 30 * time.Second

// contain makes sure that mmdebstrap leaves nothing behind. Asked to end, by us or by the kernel because this process died, it removes its temporary
// folder. As root it mounts /proc and /sys below that folder: in a mount namespace of its own, so that they go with it however it ends.
func contain(command *exec.Cmd) {
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = tidyWithin
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 && mayMount() {
		command.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
}

// mayMount is false for root in a container without the privilege: mmdebstrap does without mounts there.
func mayMount() bool {
	try := exec.Command("true")
	try.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return try.Run() == nil
}

// leftOut are files that no run reads: documentation, translations, and the just-in-time compiler with its 120 MB of LLVM, without which
// PostgreSQL runs the same queries interpreted. PostgreSQL's own manual pages must stay: its packages make alternatives of them.
var leftOut = [...]string{
	"/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*", "/usr/share/bug/*",
	"/usr/lib/postgresql/*/lib/bitcode/*", "/usr/lib/postgresql/*/lib/llvmjit*", "/usr/lib/*/libLLVM*",
	"/usr/lib/llvm-*",
}

// Hooks of mmdebstrap: shell with the image's root folder as $1.
const (
	// PostgreSQL's package would initialize a cluster of its own.
	noCluster = `mkdir -p "$1/etc/postgresql-common" && echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"`
	// The socket's folder is made at boot on a real machine; mmdebstrap would empty /run at its end.
	socketFolder = `chroot "$1" install -d -o postgres -g postgres -m 2775 /var/run/postgresql`
	emptyCaches  = `rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/var/log/*`
)

// mmdebstrapArguments has the image's files written to standard output as a tar.
func mmdebstrapArguments(ctx context.Context, version, suite string, from mirror) []string {
	arguments := []string{
		"--variant=essential", "--components=main", "--skip=cleanup/run", "--include=postgresql-" + version,
		"--aptopt=APT::Install-Recommends false", "--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io",
		"--essential-hook=" + noCluster, "--customize-hook=" + socketFolder, "--customize-hook=" + emptyCaches,
	}
	for _, pattern := range leftOut {
		arguments = append(arguments, "--dpkgopt=path-exclude="+pattern)
	}
	for _, option := range aptOptions(ctx) {
		arguments = append(arguments, "--aptopt="+option)
	}
	if from.Keyring != "" {
		arguments = append(arguments, "--keyring="+from.Keyring)
	}
	return append(arguments, suite, "-", from.URI)
}
