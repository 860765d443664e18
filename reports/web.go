package reports

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

// The pages' templates, style and script. A page carries all of it inside, and asks for nothing.
//
//go:embed web
var web embed.FS

// head is what every page begins with.
type head struct {
	Title  string
	Style  template.CSS
	Script template.JS
	Policy string
}

// newHead allows the page's one script by its hash and nothing else, so that text from a run could not run as a script even
// if it were taken for markup; and no request may leave the page.
func newHead(title string) head {
	script := asset("web/page.js")
	sum := sha256.Sum256(script)
	return head{
		Title: title, Style: template.CSS(asset("web/page.css")), Script: template.JS(script), //nolint:gosec // both are part of this program
		Policy: fmt.Sprintf("default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:])),
	}
}

// asset is a file that was embedded when this program was built: it is there.
func asset(name string) []byte {
	text, err := web.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return text
}
