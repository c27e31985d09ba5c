package script

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// environment lists the variables that a script finds set: by the shell itself,
// by systemd and by Cloud Assistant's agent.
var environment = strings.Fields(`
	HOME PATH PWD OLDPWD IFS HOSTNAME USER LOGNAME SHELL LANG LANGUAGE TERM TMPDIR MAIL TZ EDITOR
	UID EUID GROUPS PPID SHLVL SHELLOPTS RANDOM SRANDOM SECONDS LINENO EPOCHSECONDS EPOCHREALTIME
	OPTARG OPTIND OPTERR REPLY FUNCNAME FUNCNEST PIPESTATUS DIRSTACK HOSTTYPE MACHTYPE OSTYPE COLUMNS LINES
	PS0 PS1 PS2 PS3 PS4 ENV MAPFILE COPROC INVOCATION_ID JOURNAL_STREAM NOTIFY_SOCKET
	http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY`)

func inEnvironment(name string) bool {
	return slices.Contains(environment, name) || strings.HasPrefix(name, "BASH") || strings.HasPrefix(name, "LC_")
}

// unset is a variable that a script uses and nothing sets, at a byte of it.
type unset struct {
	name  string
	at    uint
	known []string // variables that are set, to suggest from
}

// variables collects what a script does with variables, anywhere in it.
type variables struct {
	set  map[string]bool // set, given a default or tested somewhere
	uses []unset
	// unknown: its text does not show all that the script sets.
	unknown bool
}

// unsetIn finds the variables that a script uses, each at its first use, and
// that neither it nor its parameters set.
func unsetIn(tree *syntax.File, parameters map[string]string) []unset {
	v := &variables{set: map[string]bool{}}
	syntax.Walk(tree, v.visit)
	if v.unknown {
		return nil
	}
	for name := range parameters {
		v.set[name] = true
	}
	known := slices.Sorted(maps.Keys(v.set))
	var found []unset
	for _, u := range v.uses {
		if !v.set[u.name] && !inEnvironment(u.name) {
			v.set[u.name] = true
			u.known = known
			found = append(found, u)
		}
	}
	return found
}

func (v *variables) use(name *syntax.Lit) {
	if syntax.ValidName(name.Value) {
		v.uses = append(v.uses, unset{name: name.Value, at: name.Pos().Offset()})
	}
}

func (v *variables) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Assign:
		if n.Name != nil {
			v.set[n.Name.Value] = true
		} else if n.Value != nil { // what export, local and the like declare
			v.declare(n.Value)
		}
	case *syntax.WordIter:
		v.set[n.Name.Value] = true
	case *syntax.CallExpr:
		v.call(n.Args)
	case *syntax.ParamExp:
		v.expansion(n)
	case *syntax.Redirect:
		if n.N != nil {
			v.set[strings.Trim(n.N.Value, "{}")] = true
		}
	case *syntax.LetClause:
		for _, x := range n.Exprs {
			if word, ok := x.(*syntax.Word); ok {
				v.declare(word)
			}
		}
	case *syntax.CoprocClause:
		if n.Name != nil {
			v.set[n.Name.Lit()] = true
		}
	case *syntax.UnaryTest:
		if word, ok := n.X.(*syntax.Word); ok && n.Op == syntax.TsVarSet {
			v.set[word.Lit()] = true
		}
	case *syntax.ArithmExp:
		v.arithmetic(n.X)
	case *syntax.ArithmCmd:
		v.arithmetic(n.X)
	case *syntax.ParenArithm:
		v.arithmetic(n.X)
	case *syntax.UnaryArithm:
		if n.Op == syntax.Inc || n.Op == syntax.Dec {
			v.assignArithmetic(n.X)
		}
		v.arithmetic(n.X)
	case *syntax.BinaryArithm:
		if slices.Contains(assignments, n.Op) {
			v.assignArithmetic(n.X)
		}
		v.arithmetic(n.X)
		v.arithmetic(n.Y)
	}
	return true
}

// declare records the variable of a word such as "name=value".
func (v *variables) declare(word *syntax.Word) {
	text, whole := leading(word)
	name, _, assigned := strings.Cut(text, "=")
	name = strings.TrimSpace(strings.TrimSuffix(name, "+"))
	switch {
	case strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+"):
	case whole || assigned:
		v.set[name] = true
	default:
		v.unknown = true
	}
}

// leading returns the text with which a word begins, and whether that is all.
func leading(word *syntax.Word) (text string, whole bool) {
	var b strings.Builder
	for _, part := range word.Parts {
		parts := []syntax.WordPart{part}
		if quoted, ok := part.(*syntax.DblQuoted); ok {
			parts = quoted.Parts
		}
		for _, p := range parts {
			switch p := p.(type) {
			case *syntax.Lit:
				b.WriteString(p.Value)
			case *syntax.SglQuoted:
				b.WriteString(p.Value)
			default:
				return b.String(), false
			}
		}
	}
	return b.String(), true
}

// call records what builtins set.
func (v *variables) call(args []*syntax.Word) {
	for len(args) > 0 && (args[0].Lit() == "command" || args[0].Lit() == "builtin") {
		args = args[1:]
	}
	if len(args) == 0 {
		return
	}
	rest := args[1:]
	switch args[0].Lit() {
	case "eval", "source", ".":
		v.unknown = true
	case "export", "readonly", "local", "declare", "typeset", "read", "getopts", "mapfile", "readarray", "let":
		for _, word := range rest {
			v.declare(word)
		}
	case "printf", "wait", "[", "test":
		for i, word := range rest {
			switch flag := word.Lit(); {
			case i+1 == len(rest):
			case args[0].Lit() == "wait" && flag == "-p", args[0].Lit() != "wait" && flag == "-v":
				v.declare(rest[i+1])
			}
		}
	}
}

// withDefault are the expansions of a variable that may be unset.
var withDefault = []syntax.ParExpOperator{
	syntax.AlternateUnset, syntax.AlternateUnsetOrNull, syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull,
}

func (v *variables) expansion(p *syntax.ParamExp) {
	switch {
	case p.Names != 0:
	case p.Exp != nil && slices.Contains(withDefault, p.Exp.Op):
		v.set[p.Param.Value] = true
	default:
		v.use(p.Param)
	}
}

// assignments are the operators of arithmetic that set a variable.
var assignments = []syntax.BinAritOperator{
	syntax.Assgn, syntax.AddAssgn, syntax.SubAssgn, syntax.MulAssgn, syntax.QuoAssgn, syntax.RemAssgn,
	syntax.AndAssgn, syntax.OrAssgn, syntax.XorAssgn, syntax.ShlAssgn, syntax.ShrAssgn,
}

func (v *variables) assignArithmetic(x syntax.ArithmExpr) {
	if word, ok := x.(*syntax.Word); ok {
		v.set[word.Lit()] = true
	}
}

// arithmetic records the use of a name in arithmetic without a dollar.
func (v *variables) arithmetic(x syntax.ArithmExpr) {
	if word, ok := x.(*syntax.Word); ok && len(word.Parts) == 1 {
		if lit, ok := word.Parts[0].(*syntax.Lit); ok {
			v.use(lit)
		}
	}
}
