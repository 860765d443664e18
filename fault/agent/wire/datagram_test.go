package wire

import "testing"

func TestDatagram(t *testing.T) {
	for _, size := range []int{0, 10, 1400} {
		text := Datagram("abc", 17, size)
		if len(text) != max(size, len("abc\n17\n")) {
			t.Errorf("size %d: %d bytes", size, len(text))
		}
		if nonce, number, ok := ReadDatagram(text); nonce != "abc" || number != 17 || !ok {
			t.Errorf("size %d: read %q %d %v", size, nonce, number, ok)
		}
	}
}

func TestArrivals(t *testing.T) {
	var a Arrivals
	for _, number := range []int{0, 1, 3, 2, 4, 4, 0} {
		a.Add(number)
	}
	if a.Count != 7 || a.Late != 2 {
		t.Errorf("%+v", a)
	}
}

func FuzzReadDatagram(f *testing.F) {
	f.Add([]byte("abc\n1\n..."))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		nonce, number, ok := ReadDatagram(text)
		if !ok {
			return
		}
		again, same, ok := ReadDatagram(Datagram(nonce, number, 0))
		if again != nonce || same != number || !ok {
			t.Errorf("%q reads as %q %d and then as %q %d", text, nonce, number, again, same)
		}
	})
}
