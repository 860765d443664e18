package shape

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// rawSocket sends whole IPv4 packets, marked so that the queue's rule lets them pass. It needs CAP_NET_RAW.
func rawSocket() (net.PacketConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, Mark); err != nil {
		return nil, errors.Join(fmt.Errorf("mark raw socket: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "raw")
	defer file.Close()
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	return conn, nil
}

func (q *Queue) sendAgain(p []byte) error {
	if len(p) < 20 || p[0]>>4 != 4 {
		return nil // rules queue IPv4 only
	}
	_, err := q.raw.WriteTo(p, &net.IPAddr{IP: net.IP(p[16:20])})
	return err
}
