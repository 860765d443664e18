package fault

import (
	"fmt"
	"strings"
	"time"
)

// PlanError is a plan that is refused, with the place in its text.
type PlanError struct {
	Line, Column int // from 1; the column counts bytes
	Err          error
}

func (e *PlanError) Error() string { return fmt.Sprintf("plan:%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap is what is wrong there.
func (e *PlanError) Unwrap() error { return e.Err }

// ParsePlan reads a plan's text. It refuses, with a *PlanError, what names an unknown fault, parameter, role or point, so a plan
// that parses fails for no misspelling later.
func ParsePlan(text string) (Plan, error) {
	var plan Plan
	for number, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := splitWords(line)
		if len(words) == 0 {
			continue
		}
		step, column, err := parseStep(words)
		if err != nil {
			return Plan{}, &PlanError{Line: number + 1, Column: column, Err: err}
		}
		plan.Steps = append(plan.Steps, step)
	}
	if len(plan.Steps) == 0 {
		return Plan{}, &PlanError{Line: 1, Column: 1, Err: fmt.Errorf("no step")}
	}
	return plan, nil
}

// word is a word of a line and the column where it begins.
type word struct {
	text   string
	column int
}

func splitWords(line string) []word {
	var words []word
	begin := -1
	for i := 0; i <= len(line); i++ {
		blank := i == len(line) || line[i] == ' ' || line[i] == '\t' || line[i] == '\r'
		if !blank && begin < 0 {
			begin = i
		}
		if blank && begin >= 0 {
			words = append(words, word{line[begin:i], begin + 1})
			begin = -1
		}
	}
	return words
}

// parseStep reads "at TIME|on POINT [for TIME] FAULT [name=value ...]". On error it says in which column.
func parseStep(words []word) (step Step, column int, err error) {
	end := words[len(words)-1].column + len(words[len(words)-1].text)
	if len(words) < 3 {
		return step, end, fmt.Errorf("want: at TIME or on POINT, perhaps for TIME, a fault, its parameters")
	}
	switch words[0].text {
	case "at":
		step.At, err = parseTime(words[1].text)
	case "on":
		step.On, err = ParsePoint(words[1].text)
	default:
		return step, words[0].column, fmt.Errorf("want at or on, not %q", words[0].text)
	}
	if err != nil {
		return step, words[1].column, err
	}
	rest := words[2:]
	if rest[0].text == "for" {
		if len(rest) < 3 {
			return step, end, fmt.Errorf("want: for TIME and a fault")
		}
		step.For, err = parseTime(rest[1].text)
		if err == nil && step.For == 0 {
			err = fmt.Errorf("for 0: want a time above 0")
		}
		if err != nil {
			return step, rest[1].column, err
		}
		rest = rest[2:]
	}
	column, err = step.parseFault(rest)
	return step, column, err
}

func (s *Step) parseFault(words []word) (column int, err error) {
	s.Name = words[0].text
	entry, err := Find(s.Name)
	if err != nil {
		return words[0].column, err
	}
	params := map[string]Param{}
	for _, param := range entry.Params {
		params[param.Name] = param
	}
	for _, w := range words[1:] {
		name, value, ok := strings.Cut(w.text, "=")
		param, known := params[name]
		switch {
		case !ok:
			return w.column, fmt.Errorf("want name=value, not %q", w.text)
		case !known:
			return w.column, fmt.Errorf("%s has no parameter %q: want %s", s.Name, name, entry.parameters())
		case s.Given[name] != "":
			return w.column, fmt.Errorf("%s is given twice", name)
		}
		if err := param.check(value); err != nil {
			return w.column + len(name) + 1, fmt.Errorf("%s: %w", name, err)
		}
		if s.Given == nil {
			s.Given = map[string]string{}
		}
		s.Given[name] = value
	}
	if _, err := entry.Build(s.Given); err != nil {
		return words[0].column, err
	}
	return 0, nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no time, such as 1.5s", text)
	}
	return d, nil
}
