// Package imports_test holds the packages to the folders' order: who may
// import whom, which package alone knows which SDK, and what the functions
// depend on. It reads imports, and knows nothing of what they are used for.
package imports_test

// rule says what the packages of one path may import of this module and of
// others. A path with /... stands for the packages under it; the first rule
// that fits a package is its rule.
type rule struct {
	path string
	may  []string
}

// The modules of others.
const (
	fcSDK         = "github.com/aliyun/fc-runtime-go-sdk"
	tablestoreSDK = "github.com/aliyun/aliyun-tablestore-go-sdk"
	alibabaSDK    = "github.com/aliyun/alibaba-cloud-sdk-go"
	zerolog       = "github.com/rs/zerolog"
	expr          = "github.com/expr-lang/expr"
	goccyYAML     = "github.com/goccy/go-yaml"
	bbolt         = "go.etcd.io/bbolt"
	cobra         = "github.com/spf13/cobra"
	pflag         = "github.com/spf13/pflag"
	protobuf      = "github.com/golang/protobuf"
	rapid         = "pgregory.net/rapid"
	testscript    = "github.com/rogpeppe/go-internal"
	goCmp         = "github.com/google/go-cmp"
	text          = "golang.org/x/text"
	xTerm         = "golang.org/x/term"
	shellSyntax   = "mvdan.cc/sh/v3"
	jsonSchema    = "github.com/santhosh-tekuri/jsonschema/v6"
	cloudEvents   = "github.com/cloudevents/sdk-go/v2"
	datadriven    = "github.com/cockroachdb/datadriven"

	// Only tests/localcloud/ecs/currentsdk, a module of its own, imports it.
	currentECSSDK = "github.com/alibabacloud-go/ecs-20140526/v7"
)

var rules = []rule{
	// What the functions are made of.
	{"functions/alerts", []string{"shared/alerting", "shared/handler"}},
	{"functions/...", []string{"shared/handler"}},
	{"shared/event", nil},
	{"shared/command", nil},
	{"shared/transport", nil},
	{"shared/mask", nil},
	{"shared/version", nil},
	{"shared/suggest", nil},
	{"shared/timetable", []string{"shared/suggest"}},
	// Of expr, only what reads words: the rest would keep every exported method
	// in the functions.
	{"shared/flow", []string{"shared/command", "shared/suggest", "shared/timetable", expr + "/file", expr + "/parser/lexer", expr + "/parser/operator", expr + "/parser/utils"}},
	{"shared/flow/flowtest", []string{"shared/flow", "shared/command", "shared/timetable", goccyYAML}},
	{"shared/decide", []string{"shared/event", "shared/command", "shared/flow", "shared/mask", "shared/timetable"}},
	{"shared/engine", []string{"shared/decide", "shared/event", "shared/command", "shared/flow", "shared/transport"}},
	{"shared/dispatch", []string{"shared/decide", "shared/engine"}},
	{"shared/ledger", []string{"shared/decide", "shared/dispatch", "shared/routing", "shared/engine", "shared/event", "shared/command", "shared/flow", "shared/transport", "shared/version", tablestoreSDK}},
	{"shared/ledger/ledgertest", []string{"shared/decide", "shared/engine", "shared/event", "shared/command", "shared/flow", goCmp}},
	// Not the SDK's typed services/ecs, which is 15 MB of a binary.
	{"shared/assistant", []string{"shared/decide", "shared/engine", "shared/event", "shared/command", "shared/transport", alibabaSDK + "/sdk"}},
	{"shared/alert", []string{"shared/decide", "shared/dispatch", "shared/engine", "shared/mask", "shared/event", "shared/transport"}},
	{"shared/openapi", []string{"shared/engine", "shared/transport"}},
	{"shared/subscription", []string{"shared/openapi", "shared/setup", "shared/transport"}},
	{"shared/setup", []string{"shared/engine", "shared/openapi", "shared/transport"}},
	{"shared/invoke", []string{"shared/openapi", "shared/engine", "shared/transport"}},
	{"shared/handler", []string{
		"shared/event", "shared/flow", "shared/decide", "shared/engine", "shared/ledger", "shared/assistant", "shared/command",
		"shared/invoke", "shared/mask", "shared/suggest", "shared/timetable", "shared/transport", "shared/version", fcSDK, zerolog,
	}},
	{"shared/routing", []string{"shared/decide", "shared/dispatch", "shared/flow", "shared/suggest", "shared/timetable"}},
	{"shared/alerting", []string{
		"shared/alert", "shared/alertfile", "shared/decide", "shared/dispatch", "shared/engine", "shared/handler", "shared/ledger", "shared/mask", "shared/routing",
		"shared/transport",
	}},

	// What reads the files that people write.
	{"shared/yamlfile", []string{"shared/flow", "shared/suggest", "shared/timetable", goccyYAML}},
	{"shared/alertfile", []string{"shared/alert", "shared/decide", "shared/flow", "shared/mask", "shared/routing", "shared/suggest", "shared/timetable", "shared/transport", "shared/yamlfile"}},
	// The functions do not link it: flows are compiled before they are deployed.
	{"shared/wording", []string{"shared/flow", "shared/suggest", expr}},
	{"shared/flowfile", []string{"shared/flow", "shared/command", "shared/mask", "shared/script", "shared/suggest", "shared/timetable", "shared/wording", "shared/yamlfile", expr}},
	{"shared/script", []string{"shared/suggest", shellSyntax + "/syntax"}},

	// The tools.
	{"scripts/internal/cli", []string{"scripts/internal/screen", "shared/flow", "shared/suggest", "shared/version", cobra, pflag}},
	{"scripts/internal/credential", []string{"shared/transport"}},
	{"scripts/internal/backfill", []string{
		"shared/assistant", "shared/decide", "shared/engine", "shared/event", "shared/handler", "shared/invoke", "shared/ledger", "shared/subscription",
	}},
	{"scripts/internal/backtest", []string{"shared/decide", "shared/engine", "shared/event", "shared/flow", "shared/ledger"}},
	{"scripts/internal/flowdiff", []string{"shared/flow"}},
	{"scripts/internal/flowgraph", []string{"shared/command", "shared/flow"}},
	{"scripts/columns", []string{text + "/width"}},
	{"scripts/internal/screen", []string{"scripts/columns", xTerm}},
	{"scripts/observe", []string{"shared/setup"}},
	{"scripts/aftercare", []string{"scripts/internal/...", "scripts/observe", "shared/...", cobra}},
	// It makes Aftercare's tables and rules before the functions run.
	{"scripts/localcloud", []string{"scripts/internal/...", "tests/localcloud/...", "shared/ledger", "shared/setup", "shared/subscription", "shared/transport", cobra, pflag}},

	// The local cloud knows the services, and nothing of Aftercare. The
	// protocol's messages are the SDK's.
	{"tests/localcloud/tablestore", []string{"tests/localcloud/...", bbolt, protobuf, tablestoreSDK + "/common", tablestoreSDK + "/tablestore/otsprotocol"}},
	{"tests/localcloud/project", []string{"tests/localcloud/...", goccyYAML}},
	{"tests/localcloud/...", []string{"tests/localcloud/...", bbolt}},
	{"tests/sdksuite", []string{"tests/localcloud/...", protobuf, tablestoreSDK + "/tablestore/otsprotocol"}},

	{"tests/schema", []string{"shared/yamlfile", goccyYAML, jsonSchema}},
	{"tests/sample", nil},
	{"tests/mistakes", []string{"shared/yamlfile", goCmp}},
	// What drives Aftercare, whole.
	{"tests/rig", []string{"shared/...", "tests/localcloud/...", fcSDK + "/fccontext"}},
	{"tests/e2e/...", []string{"shared/...", "tests/localcloud/...", "scripts/columns"}},
	// A bare handler makes the same calls through the same SDKs.
	{"tests/bench/bare", []string{"tests/bench/...", fcSDK, tablestoreSDK, alibabaSDK + "/sdk", zerolog}},
	{"tests/bench/noop", []string{"tests/bench/...", fcSDK}},
	{"tests/bench/...", []string{"tests/bench/...", "shared/...", "tests/localcloud/...", "tests/rig", protobuf, tablestoreSDK}},
	{"tests/bench", []string{"tests/bench/...", "shared/...", "tests/localcloud/...", "tests/rig", protobuf, tablestoreSDK}},
	{"tests/...", []string{"shared/...", "tests/localcloud/...", "tests/rig"}},
}

// Tests of a package may import what the package knows, directly or not, and
// these beside it.
var (
	besideShared = []string{"tests/localcloud/...", "tests/rig", "tests/rules", "tests/mistakes", "tests/schema", "tests/sample", "shared/flowfile", "shared/yamlfile", "shared/flow/flowtest", "shared/ledger/ledgertest"}
	besideTests  = []string{"shared/...", "tests/...", "scripts/..."}
)

// forTests are packages that only tests may import, whatever the rules say.
var forTests = []string{"shared/flow/flowtest", "shared/ledger/ledgertest"}

// pure packages decide, and touch neither files nor the network nor the
// process.
var (
	pure    = []string{"shared/event", "shared/command", "shared/flow", "shared/yamlfile", "shared/wording", "shared/flowfile", "shared/alertfile", "shared/routing", "shared/decide", "shared/mask", "shared/script", "shared/suggest", "shared/timetable", "shared/version"}
	outside = []string{"context", "os", "os/...", "net", "net/...", "syscall", "log", "log/...", "plugin", "runtime/debug"}
)

// functionModules are the modules that the functions use themselves.
var functionModules = map[string]string{
	fcSDK:         "v0.3.1",
	tablestoreSDK: "v1.8.0",
	alibabaSDK:    "v1.63.107",
	zerolog:       "v1.35.1",
	expr:          "v1.17.8",
	goccyYAML:     "v1.19.2",
}

// linkedModules are what those need in the functions. Their versions are what
// the functions were tested and measured with.
var linkedModules = map[string]string{
	protobuf:                                "v1.3.2",
	"github.com/google/flatbuffers":         "v23.5.26+incompatible",
	"github.com/hashicorp/golang-lru":       "v0.5.4",
	"github.com/jmespath/go-jmespath":       "v0.4.0",
	"github.com/json-iterator/go":           "v1.1.12",
	"github.com/mattn/go-colorable":         "v0.1.14",
	"github.com/mattn/go-isatty":            "v0.0.20",
	"github.com/modern-go/concurrent":       "v0.0.0-20180306012644-bacd9c7ef1dd",
	"github.com/modern-go/reflect2":         "v1.0.2",
	"github.com/opentracing/opentracing-go": "v1.2.1-0.20220228012449-10b1cf09e00b",
	"golang.org/x/sys":                      "v0.45.0",
	"gopkg.in/ini.v1":                       "v1.67.0",
}

// toolModules are those of the tools, the local cloud and the tests. protobuf
// is the one with which the Tablestore SDK's messages were made; pflag is the
// flags of cobra.
var toolModules = map[string]string{
	bbolt:      "v1.5.0",
	cobra:      "v1.10.2",
	text:       "v0.14.0",
	pflag:      "v1.0.10",
	protobuf:   "v1.3.2",
	rapid:      "v1.3.0",
	testscript: "v1.16.0",
	goCmp:      "v0.7.0",

	shellSyntax: "v3.12.0",
	xTerm:       "v0.43.0",
	jsonSchema:  "v6.0.2",
	cloudEvents: "v2.16.2",
	datadriven:  "v1.0.3",
}

// excluded are releases from 2019 that every tool takes for the newest.
var excluded = []string{tablestoreSDK + "@v4.1.2+incompatible", tablestoreSDK + "@v4.1.3+incompatible"}
