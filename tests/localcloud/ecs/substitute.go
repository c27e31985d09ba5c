package ecs

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	customParameter  = regexp.MustCompile(`\{\{\s*([A-Za-z0-9_-]+)\s*\}\}`)
	builtInParameter = regexp.MustCompile(`\{\{\s*ACS::([A-Za-z0-9_]*)\s*\}\}`)
	storedParameter  = regexp.MustCompile(`\{\{\s*oos(-secret)?:`)
	anyParameter     = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
)

// definedNames returns the names of the custom parameters in a content, in lower
// case.
func definedNames(content []byte) map[string]bool {
	names := make(map[string]bool)
	for _, found := range customParameter.FindAllSubmatch(content, -1) {
		names[strings.ToLower(string(found[1]))] = true
	}
	return names
}

// checkDefined checks the custom parameters that a content defines.
func checkDefined(content []byte) *apiError {
	if storedParameter.Match(content) {
		return forbidden("ParameterStore.NotSupported", "OOS parameter stores are not imitated by the local cloud")
	}
	for _, found := range anyParameter.FindAllSubmatch(content, -1) {
		name := strings.TrimSpace(string(found[1]))
		switch {
		case name == "":
			return bad("CmdParam.EmptyKey", "a parameter in the content has no name")
		case strings.HasPrefix(name, "ACS::"):
		case !customParameter.Match(found[0]):
			return bad("CmdParam.InvalidParamName", "the parameter name %q in the content is not of letters, digits, - and _", name)
		case len(name) > 64:
			return forbidden("CmdParamName.ExceedLimit", "a parameter name in the content is longer than 64 bytes")
		}
	}
	if len(definedNames(content)) > 20 {
		return forbidden("CmdParamCount.ExceedLimit", "the content defines more than 20 parameters")
	}
	return nil
}

// readParameters reads a call's Parameters for a command. The keys of the result
// are in lower case, because the case of names does not count.
func readParameters(text string, c command) (map[string]string, *apiError) {
	if text == "" || text == "{}" {
		return nil, nil
	}
	if !utf8.ValidString(text) || strings.Contains(text, `\u0000`) || strings.Contains(text, "\x00") {
		return nil, forbidden("InvalidParameterCharset.Parameters", "the parameters hold characters that are not allowed")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, bad("InvalidParameter.Parameters", "the parameters are not a JSON object")
	}
	out := make(map[string]string)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, bad("InvalidParameter.Parameters", "the parameters are not a JSON object")
		}
		name := key.(string) // the decoder lets nothing else be a key
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, bad("InvalidParameter.Parameters", "the parameters are not a JSON object")
		}
		content, isText := value.(string)
		lower := strings.ToLower(name)
		switch _, twice := out[lower]; {
		case name == "":
			return nil, bad("InvalidParameter.Parameters", "a parameter has no name")
		case utf8.RuneCountInString(name) > 64:
			return nil, forbidden("ParameterKey.ExceedLimit", "a parameter name is longer than 64 characters")
		case twice:
			return nil, forbidden("ParameterKey.Duplicate", "the parameter %q is given more than once", name)
		case !isText:
			return nil, forbidden("ParameterType.NotSupported", "the value of the parameter %q is not a string", name)
		}
		out[lower] = content
	}
	if _, err := decoder.Token(); err != nil {
		return nil, bad("InvalidParameter.Parameters", "the parameters are not a JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, bad("InvalidParameter.Parameters", "something follows the parameters' JSON object")
	}
	if !c.EnableParameter {
		return nil, bad("Parameter.Disabled", "the command does not take parameters")
	}
	if len(out) > 10 {
		return nil, forbidden("ParameterCount.ExceedLimit", "more than 10 parameters are given")
	}
	defined := definedNames(c.Content)
	for name := range out {
		if !defined[name] {
			return nil, forbidden("Parameter.NotMatched", "the content does not define the parameter %q", name)
		}
	}
	return out, nil
}

// substitute fills in the parameters of an enabled content, as the real service
// does: first the service puts in custom parameters, without any quoting; then
// the agent puts in the built-in ones over the whole text, values included.
func (s *Server) substitute(inv *invocation, i *instance) (_ []byte, code, info string) {
	text := customParameter.ReplaceAllStringFunc(string(inv.Command.Content), func(found string) string {
		return inv.Parameters[strings.ToLower(customParameter.FindStringSubmatch(found)[1])]
	})
	builtIn := map[string]string{
		"RegionId":     s.options.Region,
		"AccountId":    s.options.Account,
		"InstanceId":   i.ID,
		"InstanceName": i.Name,
		"InvokeId":     inv.ID,
		"CommandId":    inv.Command.ID,
	}
	unknown := ""
	text = builtInParameter.ReplaceAllStringFunc(text, func(found string) string {
		name := builtInParameter.FindStringSubmatch(found)[1]
		value, ok := builtIn[name]
		if !ok && unknown == "" {
			unknown = name
		}
		return value
	})
	if unknown != "" {
		return nil, "InvalidSystemBuiltInParameter", fmt.Sprintf("there is no built-in parameter ACS::%s", unknown)
	}
	if storedParameter.MatchString(text) {
		return nil, "InvalidCommandText", "the local cloud does not imitate OOS parameter stores"
	}
	return []byte(text), "", ""
}
