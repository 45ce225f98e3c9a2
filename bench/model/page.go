package model

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText writes the answer as a page for a terminal.
func (a *Answer) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\non %s\n\n", a.Demand, a.Machine)
	b.WriteString(a.verdict() + "\n\nNeeded\n")
	width := 0
	for _, f := range a.Figures {
		width = max(width, len([]rune(f.Value)))
	}
	for _, f := range a.Figures {
		name := f.Name
		if len(name) > 16 {
			fmt.Fprintf(&b, "  %s:\n", name)
			name = ""
		}
		fmt.Fprintf(&b, "  %-16s  %s%s  %s\n", name, f.Value, strings.Repeat(" ", width-len([]rune(f.Value))), f.Basis)
		for _, line := range slices.Concat(wrap(f.Why, 76), wrap(f.Note, 76)) {
			fmt.Fprintf(&b, "  %-16s  %s\n", "", line)
		}
	}
	b.WriteString("\nWhat runs out first, as viewers grow and the rest stays as it is\n")
	for _, l := range a.sorted() {
		fmt.Fprintf(&b, "  %-46s %10s of %-10s  %5s free, at %s times the viewers\n", l.Resource, l.amount(l.Need), l.amount(l.Usable), l.free(), digits(l.Factor))
	}
	if len(a.Warnings) > 0 {
		b.WriteString("\nTo know\n")
	}
	for _, warning := range a.Warnings {
		for i, line := range wrap(warning, 92) {
			fmt.Fprintf(&b, "  %s%s\n", [2]string{"- ", "  "}[min(i, 1)], line)
		}
	}
	b.WriteString("\nSettings\n")
	for _, s := range a.Settings {
		fmt.Fprintf(&b, "\n  # %s\n", s.Title)
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the answer in Markdown.
func (a *Answer) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Capacity plan\n\n%s, on %s.\n\n**%s**\n\n| | needed | | rests on |\n|---|---|---|---|\n", a.Demand, a.Machine, a.verdict())
	for _, f := range a.Figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Name, f.Value, f.Note, f.basis())
	}
	b.WriteString("\n| resource | needed | usable | free | enough for times the viewers |\n|---|---|---|---|---|\n")
	for _, l := range a.sorted() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", l.Resource, l.amount(l.Need), l.amount(l.Usable), l.free(), digits(l.Factor))
	}
	b.WriteString("\n")
	for _, warning := range a.Warnings {
		fmt.Fprintf(&b, "- %s\n", warning)
	}
	for _, s := range a.Settings {
		fmt.Fprintf(&b, "\n%s:\n\n```\n%s\n```\n", s.Title, strings.Join(s.Lines, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict is the answer in a sentence or two.
func (a *Answer) verdict() string {
	limit := fmt.Sprintf("The first limit is %s", a.First.Resource)
	switch {
	case a.Most == 0:
		return fmt.Sprintf("It does not fit, with any number of viewers: %s. %s are needed and %s usable.", strings.ToLower(limit[:1])+limit[1:],
			a.First.amount(a.First.Need), a.First.amount(a.First.Usable))
	case a.Fits:
		return fmt.Sprintf("It fits. %s, at %s times the viewers: %s.", limit, digits(a.First.Factor), digits(float64(a.Most)))
	}
	return fmt.Sprintf("It does not fit. %s: this machine takes %s viewers, %s times as many.", limit, digits(float64(a.Most)), digits(a.First.Factor))
}

// sorted is the limits, what runs out first in front.
func (a *Answer) sorted() []Limit {
	return slices.SortedStableFunc(slices.Values(a.Limits), func(a, b Limit) int { return cmp.Compare(a.Factor, b.Factor) })
}

// free is the headroom for people; what is used up has none.
func (l Limit) free() string {
	if l.Usable <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", max(l.Headroom(), 0)*100)
}

func (l Limit) amount(v float64) string { return strings.TrimSpace(digits(v) + " " + l.Unit) }

func (f Figure) basis() string {
	if f.Why == "" {
		return string(f.Basis)
	}
	return string(f.Basis) + " (" + f.Why + ")"
}

// String says what is asked.
func (d Demand) String() string {
	text := fmt.Sprintf("%s viewers, %s on %s channels, %v of %v to each channel", digits(float64(d.Viewers)), subscriptions(d.Subscriptions), digits(float64(d.Channels)), d.Rate, Bytes(d.Size))
	if d.Channels == 1 {
		text = fmt.Sprintf("%s viewers on one channel, %v of %v", digits(float64(d.Viewers)), d.Rate, Bytes(d.Size))
	}
	if d.Together > 1 {
		text += fmt.Sprintf(", %s at once", digits(d.Together))
	}
	if d.Presence {
		text += fmt.Sprintf(", presence with %v of user_info", Bytes(d.UserInfo))
	}
	if d.Kept {
		return text + ", kept"
	}
	return text + ", not kept"
}

func subscriptions(n int) string {
	if n == 1 {
		return "one subscription each"
	}
	return fmt.Sprintf("%d subscriptions each", n)
}

// String says what there is.
func (k Machine) String() string {
	text := fmt.Sprintf("%s, %v", plural(k.Cores, "core"), k.Memory)
	if k.Bandwidth > 0 {
		text += ", " + bits(k.Bandwidth)
	} else {
		text += ", a network of any speed"
	}
	if k.Descriptors > 0 {
		text += ", " + digits(float64(k.Descriptors)) + " descriptors"
	}
	return text
}

// wrap breaks text between words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
