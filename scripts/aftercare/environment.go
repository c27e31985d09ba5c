package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aftercare/shared/mask"
	"aftercare/shared/suggest"
)

// The variables that say where Aftercare runs.
const (
	variableEnvironment = "AFTERCARE_ENV"

	variableRegion   = "ALIBABA_CLOUD_REGION_ID"
	variableAccount  = "ALIBABA_CLOUD_ACCOUNT_ID"
	variableProfile  = "ALIBABA_CLOUD_PROFILE"
	variableEndpoint = "AFTERCARE_TABLESTORE_ENDPOINT"
	variableInstance = "AFTERCARE_TABLESTORE_INSTANCE"
	variableECS      = "AFTERCARE_ECS_ENDPOINT"
	variableFC       = "AFTERCARE_FC_ENDPOINT"
	variableSTS      = "AFTERCARE_STS_ENDPOINT"
	variableRAM      = "AFTERCARE_RAM_ENDPOINT"
	variableSLS      = "AFTERCARE_SLS_ENDPOINT"
	// variableProject and variableLogstore say where the functions' logs go, as in
	// s.yaml.
	variableProject  = "LOG_PROJECT"
	variableLogstore = "LOG_STORE"
	variableEvents   = "AFTERCARE_EVENTBRIDGE_ENDPOINT"
	variableCMS      = "AFTERCARE_CMS_ENDPOINT"
	// variableDeadLettersTo says where EventBridge's dead letters go, as in s.yaml.
	variableDeadLettersTo = "DEAD_LETTER_ARN"
	// variableMask masks more than the usual forms of secrets.
	variableMask = "AFTERCARE_MASK"
)

// environmentVariables are all that an environment's file may hold.
var environmentVariables = []string{
	variableRegion, variableAccount, variableProfile, variableEndpoint, variableInstance, variableECS, variableFC, variableSTS, variableMask,
	variableRAM, variableSLS, variableProject, variableLogstore, variableEvents, variableCMS, variableDeadLettersTo,
}

// environment is a deployment of Aftercare: names and addresses, and no secret.
type environment struct {
	name string // empty if the process's variables say where it is
	get  func(variable string) string
}

var environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// openEnvironment returns the environment with this name, or the one of
// AFTERCARE_ENV. Its file then says everything: the process's variables may be
// those of another deployment. Without a name they say it.
func openEnvironment(name string, getenv func(string) string) (environment, error) {
	name = cmp.Or(name, getenv(variableEnvironment))
	if name == "" {
		return environment{get: func(v string) string { return strings.TrimSpace(getenv(v)) }}, nil
	}
	folder := environmentFolder(getenv)
	path := filepath.Join(folder, name+".env")
	if !environmentName.MatchString(name) {
		return environment{}, fmt.Errorf("%q is not the name of an environment: letters, digits, '.', '_' and '-'", name)
	}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return environment{}, fmt.Errorf("there is no environment %q%s (its file would be %s)", name, near(name, environmentNames(folder)), path)
	case err != nil:
		return environment{}, fmt.Errorf("read the environment: %w", err)
	}
	values, err := readEnvironment(string(content))
	if err != nil {
		return environment{}, fmt.Errorf("%s: %w", path, err)
	}
	return environment{name, func(v string) string { return values[v] }}, nil
}

// environmentFolder is where the environments' files are.
func environmentFolder(getenv func(string) string) string {
	return filepath.Join(cmp.Or(getenv("XDG_CONFIG_HOME"), filepath.Join(getenv("HOME"), ".config")), "aftercare")
}

func environmentNames(folder string) (names []string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*.env"))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".env"))
	}
	return names
}

// near is a hint at the nearest of some words; empty if none is near.
func near(word string, words []string) string {
	if nearest := suggest.Nearest(word, words); nearest != "" {
		return suggest.DidYouMean(nearest)
	}
	return ""
}

// readEnvironment reads lines such as NAME=value, with or without export and
// quotes. A mistake names its line, and quotes no value.
func readEnvironment(text string) (map[string]string, error) {
	values := map[string]string{}
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		value = unquoted(value)
		switch {
		case !ok:
			return nil, fmt.Errorf("line %d is not NAME=value", n+1)
		case name == variableKeyID, name != variableMask && (mask.Text(line) != line || mask.Text(value) != value):
			return nil, fmt.Errorf("line %d holds a secret: take it out. The access key comes from the environment, a profile or an ECS role", n+1)
		case !slices.Contains(environmentVariables, name):
			return nil, fmt.Errorf("line %d sets %.40q, which no environment has%s", n+1, name, near(name, environmentVariables))
		}
		values[name] = value
	}
	return values, nil
}

func unquoted(value string) string {
	for _, quote := range []string{"'", `"`} {
		if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			return value[1 : len(value)-1]
		}
	}
	return value
}

// environmentFlag adds --env, with the names of the files as its completions.
func environmentFlag(cmd *cobra.Command, getenv func(string) string) *string {
	name := cmd.Flags().String("env", "", "the environment, of the file ~/.config/aftercare/`NAME`.env (default $"+variableEnvironment+")")
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("env", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return environmentNames(environmentFolder(getenv)), cobra.ShellCompDirectiveNoFileComp
	})
	return name
}

// String says for people which deployment it is. One without a name is that of the
// shell's variables.
func (e environment) String() string {
	where := cmp.Or(e.get(variableRegion), "an unnamed region")
	if account := e.get(variableAccount); account != "" {
		where += ", account " + account
	}
	if e.name == "" {
		return where
	}
	return e.name + " (" + where + ")"
}

// where names the environment, for the end of a sentence.
func (e environment) where() string {
	if e.name == "" {
		return ""
	}
	return " in the environment " + e.name
}
