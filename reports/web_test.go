package reports

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// contrast is that of WCAG 2 between two colours #rrggbb.
func contrast(t *testing.T, one, other string) float64 {
	t.Helper()
	a, b := luminance(t, one), luminance(t, other)
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	colour = strings.TrimPrefix(colour, "#")
	if len(colour) == 3 {
		colour = fmt.Sprintf("%c%c%c%c%c%c", colour[0], colour[0], colour[1], colour[1], colour[2], colour[2])
	}
	total := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("colour %q: %v", colour, err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		total += weight * c
	}
	return total
}

// Text must be readable in both looks: 4.5 to 1 (WCAG 2, AA) on the page, on cards and on the lanes.
func TestContrast(t *testing.T) {
	style := string(asset("web/page.css"))
	blocks := regexp.MustCompile(`:root\{([^}]*)\}`).FindAllStringSubmatch(style, -1)
	if len(blocks) < 2 {
		t.Fatal("no colours found")
	}
	for i, look := range []string{"light", "dark"} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+):(#[0-9a-f]+)`).FindAllStringSubmatch(blocks[i][1], -1) {
			colours[m[1]] = m[2]
		}
		for _, text := range []string{"fg", "dim", "link", "bad", "good", "warn"} {
			for _, ground := range []string{"bg", "card"} {
				if c := contrast(t, colours[text], colours[ground]); c < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", look, text, ground, c)
				}
			}
		}
		for _, lane := range []string{"t1", "t2", "t3", "t4", "t5"} {
			if c := contrast(t, "#ffffff", colours[lane]); c < 4.5 {
				t.Errorf("%s: white on lane %s has a contrast of %.2f", look, lane, c)
			}
		}
	}
}
