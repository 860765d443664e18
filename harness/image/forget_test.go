package image

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestForgetTakesCachedImagesThatNoContainerUses(t *testing.T) {
	var asked string
	docker := fakeDocker(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			asked = r.URL.Query().Get("filters")
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `[{"Id":"1","RepoTags":["pgcrucible/template:free"]},{"Id":"2","RepoTags":["pgcrucible/sandbox:busy"]},{"Id":"3","RepoTags":["pgcrucible/sandbox:gone"]},{"Id":"4","RepoTags":["pgcrucible/sandbox:odd"]}]`)
			return
		}
		for name, status := range map[string]int{"busy": http.StatusConflict, "gone": http.StatusNotFound, "odd": http.StatusInternalServerError} {
			if strings.HasSuffix(r.URL.Path, name) {
				http.Error(w, `{"message":"`+name+`"}`, status)
				return
			}
		}
		_, _ = fmt.Fprint(w, `[]`)
	})
	removed, err := forget(t.Context(), docker)
	if !slices.Equal(removed, []string{"pgcrucible/template:free"}) {
		t.Errorf("removed %v", removed)
	}
	if err == nil || !strings.Contains(err.Error(), "pgcrucible/sandbox:odd") || strings.Contains(err.Error(), "busy") {
		t.Errorf("said %v, want what could not be removed and nothing of what is in use", err)
	}
	if !strings.Contains(asked, "pgcrucible/template") || strings.Contains(asked, "pgcrucible/postgres") {
		t.Errorf("asked for %s", asked)
	}
}
