package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// shells are those that a completion is written for, each from the model of the command line.
var shells = map[string]func(*kong.Application) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}

// walk calls visit for the program and all of its commands, with the words before each.
func walk(n *kong.Node, path []string, visit func(n *kong.Node, path []string)) {
	visit(n, path)
	for _, c := range n.Children {
		walk(c, append(slices.Clone(path), c.Name), visit)
	}
}

// ownFlags are the flags of a command, with --help and without those of the commands above.
func ownFlags(n *kong.Node) []*kong.Flag {
	var list []*kong.Flag
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Name != "version" || n.Parent == nil {
				list = append(list, f)
			}
		}
	}
	return list
}

// choices are the values that a flag or an argument can have, none where it can have any.
func choices(v *kong.Value) []string {
	if v.Enum != "" {
		return v.EnumSlice()
	}
	if v.Flag != nil && strings.Contains(v.Flag.PlaceHolder, "|") {
		return strings.Split(v.Flag.PlaceHolder, "|")
	}
	return nil
}

// isPath reports whether the value is a file or a directory.
func isPath(v *kong.Value) bool {
	return v.Flag != nil && (v.Flag.PlaceHolder == "FILE" || v.Flag.PlaceHolder == "DIR") || v.Flag == nil && v.Name == "file"
}

// helpDefault is what the help says of a default.
var helpDefault = regexp.MustCompile(` \(default [^)]*\)`)

// short is the first sentence of a help text, without its full stop.
func short(help string) string {
	help = helpDefault.ReplaceAllString(help, "")
	if i := strings.Index(help, ". "); i >= 0 {
		help = help[:i]
	}
	return strings.TrimSuffix(help, ".")
}

func bashCompletion(app *kong.Application) string {
	var commands, values, words strings.Builder
	seen := make(map[string]bool)
	walk(app.Node, nil, func(n *kong.Node, path []string) {
		place := "/" + strings.Join(path, "/")
		var list []string
		for _, c := range n.Children {
			list = append(list, c.Name)
			fmt.Fprintf(&commands, "            %s) at=%s ;;\n", strings.TrimSuffix(place, "/")+":"+c.Name, strings.TrimSuffix(place, "/")+"/"+c.Name)
		}
		for _, a := range n.Positional {
			list = append(list, choices(a)...)
		}
		for _, f := range ownFlags(n) {
			flag := "--" + f.Name
			if !f.IsBool() {
				flag += "="
			}
			if list = append(list, flag); f.IsBool() || seen[f.Name] {
				continue
			}
			seen[f.Name] = true
			switch options := choices(f.Value); {
			case isPath(f.Value):
				fmt.Fprintf(&values, "        --%s) COMPREPLY=($(compgen -f -- \"$value\")); return ;;\n", f.Name)
			case options != nil:
				fmt.Fprintf(&values, "        --%s) COMPREPLY=($(compgen -W \"%s\" -- \"$value\")); return ;;\n", f.Name, strings.Join(options, " "))
			default:
				fmt.Fprintf(&values, "        --%s) return ;;\n", f.Name)
			}
		}
		fmt.Fprintf(&words, "        %s) words=\"%s\" ;;\n", place, strings.Join(list, " "))
	})
	return `# Completion of resound for bash: source <(resound completion bash), or as a file
# resound in /usr/share/bash-completion/completions. Written by the program.

_resound() {
    local at= flag= value=${COMP_WORDS[COMP_CWORD]} words= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case $at:${COMP_WORDS[i]} in
` + commands.String() + `        esac
    done
    # bash cuts --flag=value into three words.
    if [[ $value == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD-1]} value=
    elif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD-2]}
    else
        flag=${COMP_WORDS[COMP_CWORD-1]}
    fi
    case $flag in
` + values.String() + `    esac
    case ${at:-/} in
` + words.String() + `    esac
    COMPREPLY=($(compgen -W "$words" -- "$value"))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _resound resound
`
}

// zshText quotes a text inside of a specification in single quotes.
func zshText(s string) string {
	return strings.NewReplacer("'", `'\''`, `\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

func zshCompletion(app *kong.Application) string {
	var b strings.Builder
	b.WriteString("#compdef resound\n# Completion of resound for zsh: as a file _resound in a directory of $fpath, or\n# source <(resound completion zsh) behind compinit. Written by the program.\n")
	walk(app.Node, nil, func(n *kong.Node, path []string) {
		name := strings.Join(append([]string{"_resound"}, path...), "_")
		fmt.Fprintf(&b, "\n%s() {\n", name)
		var specs []string
		for _, f := range ownFlags(n) {
			specs = append(specs, "'"+zshFlag(f)+"'")
		}
		for i, a := range n.Positional {
			action := ""
			switch options := choices(a); {
			case options != nil:
				action = "(" + strings.Join(options, " ") + ")"
			case isPath(a):
				action = "_files"
			}
			specs = append(specs, fmt.Sprintf("'%d:%s:%s'", i+1, zshText(a.Name), action))
		}
		if len(n.Children) == 0 {
			fmt.Fprintf(&b, "    _arguments -s \\\n        %s\n}\n", strings.Join(specs, " \\\n        "))
			return
		}
		b.WriteString("    local state line\n    local -a commands\n    commands=(\n")
		for _, c := range n.Children {
			fmt.Fprintf(&b, "        '%s:%s'\n", c.Name, zshText(short(c.Help)))
		}
		specs = append(specs, "'1: :->command'", "'*:: :->rest'")
		fmt.Fprintf(&b, "    )\n    _arguments -C \\\n        %s\n    case $state in\n    command) _describe command commands ;;\n    rest)\n        case $words[1] in\n", strings.Join(specs, " \\\n        "))
		for _, c := range n.Children {
			fmt.Fprintf(&b, "        %s) %s_%s ;;\n", c.Name, name, c.Name)
		}
		b.WriteString("        esac ;;\n    esac\n}\n")
	})
	b.WriteString("\nif [[ $funcstack[1] == _resound ]]; then\n    _resound \"$@\"\nelse\n    compdef _resound resound\nfi\n")
	return b.String()
}

// zshFlag is "--name=[help]:PLACEHOLDER:action".
func zshFlag(f *kong.Flag) string {
	spec := "--" + f.Name
	if f.IsBool() {
		return spec + "[" + zshText(short(f.Help)) + "]"
	}
	action := ""
	switch options := choices(f.Value); {
	case f.PlaceHolder == "DIR":
		action = "_files -/"
	case isPath(f.Value):
		action = "_files"
	case options != nil:
		action = "(" + strings.Join(options, " ") + ")"
	}
	return spec + "=[" + zshText(short(f.Help)) + "]:" + zshText(strings.ToLower(f.PlaceHolder)) + ":" + action
}

// fishText is a text in single quotes.
func fishText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func fishCompletion(app *kong.Application) string {
	var b strings.Builder
	var names []string
	walk(app.Node, nil, func(n *kong.Node, path []string) {
		if len(path) > 0 && !slices.Contains(names, n.Name) {
			names = append(names, n.Name)
		}
	})
	b.WriteString(`# Completion of resound for fish: resound completion fish | source, or as a file
# resound.fish in ~/.config/fish/completions. Written by the program.

function __resound_at
    set -l path
    for word in (commandline -opc)[2..-1]
        switch $word
            case ` + strings.Join(names, " ") + `
                set -a path $word
        end
    end
    test "$path" = "$argv"
end

complete -c resound -f
`)
	walk(app.Node, nil, func(n *kong.Node, path []string) {
		when := "complete -c resound -n " + fishText(strings.TrimSpace("__resound_at "+strings.Join(path, " ")))
		b.WriteByte('\n')
		for _, c := range n.Children {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", when, c.Name, fishText(short(c.Help)))
		}
		for _, a := range n.Positional {
			switch options := choices(a); {
			case options != nil:
				fmt.Fprintf(&b, "%s -a %s\n", when, fishText(strings.Join(options, " ")))
			case isPath(a):
				fmt.Fprintf(&b, "%s -F\n", when)
			}
		}
		for _, f := range ownFlags(n) {
			fmt.Fprintf(&b, "%s -l %s", when, f.Name)
			if f.Short != 0 {
				fmt.Fprintf(&b, " -s %c", f.Short)
			}
			switch options := choices(f.Value); {
			case f.IsBool():
			case isPath(f.Value):
				b.WriteString(" -r -F")
			case options != nil:
				b.WriteString(" -x -a " + fishText(strings.Join(options, " ")))
			default:
				b.WriteString(" -x")
			}
			fmt.Fprintf(&b, " -d %s\n", fishText(short(f.Help)))
		}
	})
	return b.String()
}
