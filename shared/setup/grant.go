package setup

import "strings"

// Functions are the functions of a deployment, as s.yaml has them. The function, its
// role and its policy in an account have the name of Name.
var Functions = []string{"dead-letters", "task-completed", "first-heartbeat", "instance-state", "submit-task", "sweep", "alerts"}

// Name is what a function or a policy is called in an account.
func Name(of string) string { return "aftercare-" + of }

// The policies of people, and of who deploys. DeployerWithRAM is for one who makes the
// roles, too.
const (
	Operator        = "operator"
	Submitter       = "submitter"
	Deployer        = "deployer"
	DeployerWithRAM = "deployer-with-ram"
	// Trust is who may take the functions' roles.
	Trust = "trust"
)

// Policies returns every policy, by name, with placeholders. It is the one table of
// what each function calls, and of what people need. tests/deploy compares it with
// the calls that are made.
func Policies() map[string]Policy {
	all := map[string]Policy{
		"dead-letters": policy(
			tables("quarantine alerts", "PutRow"), tables("shared", "GetRange GetRow PutRow"), writesLog,
		),
		"task-completed": policy(
			tables("instances", "GetRange GetRow BatchGetRow BatchWriteRow"), tables("wakeups", "PutRow"),
			tables("shared", "GetRange GetRow PutRow DeleteRow"), tables("quarantine", "PutRow"), tables("alerts", "PutRow"), tables("timeline", "GetRange"),
			onInstances(runs), onCommands(sends+" DescribeInvocationResults"), invoke("alerts"), writesLog, deadLetters,
		),
		"first-heartbeat": policy(
			tables("instances", "GetRange GetRow BatchGetRow BatchWriteRow"), tables("wakeups", "PutRow"),
			tables("shared", "GetRange GetRow PutRow DeleteRow"), tables("quarantine", "PutRow"), tables("alerts", "PutRow"),
			onInstances(runs), onCommands(sends), invoke("alerts"), writesLog, deadLetters,
		),
		"instance-state": policy(
			tables("instances", "GetRange BatchGetRow BatchWriteRow"), tables("wakeups", "PutRow"),
			tables("shared", "GetRange GetRow PutRow DeleteRow"), tables("quarantine", "PutRow"), tables("alerts", "PutRow"),
			onInstances(runs), onCommands(sends), invoke("alerts"), writesLog, deadLetters,
		),
		"submit-task": policy(
			tables("instances", "GetRange GetRow BatchGetRow BatchWriteRow"), tables("wakeups", "PutRow"),
			tables("shared", "GetRange GetRow PutRow DeleteRow BatchWriteRow"), tables("quarantine", "PutRow"), tables("alerts", "PutRow"),
			onInstances(runs), onCommands(sends), invoke("alerts"), writesLog, deadLetters,
		),
		"sweep": policy(
			tables("instances", "GetRange GetRow BatchGetRow BatchWriteRow"), tables("wakeups", "GetRange PutRow DeleteRow"),
			tables("shared", "GetRange GetRow PutRow DeleteRow BatchWriteRow"), tables("alerts", "PutRow"), tables("timeline history", "GetRange"),
			onInstances(runs), onCommands(sends+" DescribeInvocationResults"), invoke("alerts"), writesLog,
		),
		"alerts": policy(
			tables("alerts", "GetRange GetRow BatchGetRow PutRow DeleteRow BatchWriteRow"), tables("shared", "GetRange GetRow PutRow"),
			tables("instances", "BatchWriteRow"), writesLog,
		),
		Operator:        policy(append(createsTables(), operates()...)...),
		Submitter:       policy(invoke("submit-task")),
		Deployer:        policy(deploys("ram:GetRole ram:ListPoliciesForRole", "ram:GetPolicy", "")...),
		DeployerWithRAM: policy(deploys(makesRoles, makesPolicies, "ram:AttachPolicyToRole ram:DetachPolicyFromRole")...),
		Trust: {"1", []Statement{{
			Effect: "Allow", Action: []string{"sts:AssumeRole"}, Principal: map[string][]string{"Service": {"fc.aliyuncs.com"}},
		}}},
	}
	return all
}

// The actions of ECS on instances, and those on commands, too, which each function
// that sends commands needs.
const (
	runs  = "RunCommand DescribeCloudAssistantStatus DescribeInstances"
	sends = "InvokeCommand StopInvocation DescribeInvocations"
)

func policy(statements ...Statement) Policy { return Policy{"1", statements} }

// allow allows actions of a service, written with blanks between them.
func allow(service, actions string, resources ...string) Statement {
	s := Statement{Effect: "Allow", Resource: resources}
	for _, action := range strings.Fields(actions) {
		s.Action = append(s.Action, service+":"+action)
	}
	return s
}

const bound = "<region>:<account>:"

// onBuses are EventBridge's buses, rules and events: no page names the forms of these
// resources.
const onBuses = "acs:eventbridge:" + bound + "*"

// tables allows actions on tables, by their names without aftercare_.
func tables(names, actions string) Statement {
	var resources []string
	for _, name := range strings.Fields(names) {
		resources = append(resources, "acs:ots:"+bound+"instance/<tablestore-instance>/table/aftercare_"+name)
	}
	return allow("ots", actions, resources...)
}

func onInstances(actions string) Statement {
	return allow("ecs", actions, "acs:ecs:"+bound+"instance/*")
}

func onCommands(actions string) Statement {
	return allow("ecs", actions, "acs:ecs:"+bound+"instance/*", "acs:ecs:"+bound+"command/*")
}

// invoke allows to invoke functions. A qualifier is part of the resource.
func invoke(functions ...string) Statement {
	var resources []string
	for _, f := range functions {
		arn := "acs:fc:" + bound + "functions/" + Name(f)
		resources = append(resources, arn, arn+"/*")
	}
	return allow("fc", "InvokeFunction", resources...)
}

var (
	writesLog = allow("log", "PostLogStoreLogs", "acs:log:"+bound+"project/<log-project>/logstore/<log-store>")
	// deadLetters is where Function Compute sends what failed asynchronously.
	deadLetters = invoke("dead-letters")
)

// createsTables is what 'aftercare tables create' calls.
func createsTables() []Statement {
	return []Statement{
		tables("*", "CreateTable DescribeTable"),
		tables("probe*", "BatchWriteRow GetRange DropIndex DeleteTable"),
	}
}

func operates() []Statement {
	return []Statement{
		tables("instances", "CreateIndex GetRange BatchGetRow"),
		tables("fleet history timeline wakeups alerts quarantine", "GetRange"),
		tables("shared", "GetRange GetRow PutRow"),
		tables("quarantine", "DeleteRow"),
		onInstances("DescribeInstances"),
		onCommands("DescribeInvocations DescribeInvocationResults"),
		allow("eventbridge", "ListEventBuses ListRules ListTargets TestEventPattern QueryTracedEvents QueryEvent QueryEventTraces", onBuses),
		// Its newest page says that nothing is checked; an older one names the action.
		allow("cms", "DescribeSystemEventAttribute", "acs:cms:"+bound+"*"),
		invoke("submit-task", "task-completed", "first-heartbeat", "instance-state", "sweep", "alerts", "dead-letters"),
	}
}

// The rights of a deployer who makes roles.
const (
	makesRoles    = "ram:GetRole ram:ListPoliciesForRole ram:CreateRole ram:UpdateRole ram:DeleteRole"
	makesPolicies = "ram:GetPolicy ram:CreatePolicy ram:CreatePolicyVersion ram:ListPolicyVersions ram:DeletePolicyVersion ram:DeletePolicy"
)

// deploys is what scripts/deploy.sh calls, with 's deploy'. Its actions on roles,
// policies and both are given. Sources: for Function Compute "Policies and sample
// policies" (help.aliyun.com, 2025-06), for the log service the pages of each API.
func deploys(onRoles, onPolicies, onBoth string) []Statement {
	// All roles and policies of a deployment, by their prefix: naming each would make
	// the document too long.
	const roles, policies = "acs:ram:*:<account>:role/aftercare-*", "acs:ram:*:<account>:policy/aftercare-*"
	ram := func(actions string, resources ...string) Statement {
		return allow("ram", strings.ReplaceAll(actions, "ram:", ""), resources...)
	}
	const project = "acs:log:" + bound + "project/<log-project>"
	const alerting = "acs:log:" + bound + "project/sls-alert-<account>-<region>"
	all := []Statement{
		allow("fc", `CreateFunction GetFunction UpdateFunction DeleteFunction GetFunctionCode
			GetConcurrencyConfig PutConcurrencyConfig DeleteConcurrencyConfig
			GetFunctionAsyncInvokeConfig PutFunctionAsyncInvokeConfig DeleteFunctionAsyncInvokeConfig
			GetProvisionConfig PutProvisionConfig GetScalingConfig PutScalingConfig
			CreateTrigger GetTrigger UpdateTrigger DeleteTrigger ListTriggers
			PublishFunctionVersion ListFunctionVersions DeleteFunctionVersion
			CreateAlias GetAlias UpdateAlias DeleteAlias ListAliases`, "acs:fc:"+bound+"functions/aftercare-*"),
		invoke("submit-task"),
		ram("PassRole", roles),
		ram(onRoles, roles),
		ram(onPolicies, policies),
	}
	if onBoth != "" {
		all = append(all, ram(onBoth, roles, policies))
	}
	all = append(all, createsTables()...)
	return append(all,
		tables("instances", "CreateIndex GetRange DropIndex DeleteTable"),
		tables("shared", "GetRow PutRow DeleteTable"), tables("wakeups alerts quarantine", "DeleteTable"),
		allow("log", "CreateProject GetProject DeleteProject", project),
		allow("log", "CreateLogStore GetLogStore CreateIndex GetIndex UpdateIndex GetLogStoreLogs", project+"/logstore/<log-store>"),
		allow("log", "CreateDashboard GetDashboard UpdateDashboard", project+"/dashboard/*"),
		allow("log", "CreateJob GetJob UpdateJob", project+"/job/*"),
		allow("log", "GetProject CreateProject", alerting),
		allow("log", "CreateLogStore CreateIndex UpdateIndex CreateDashboard UpdateDashboard", alerting+"/*"),
		allow("eventbridge", `ListEventBuses CreateEventBus DeleteEventBus ListRules CreateRule UpdateRule EnableRule DeleteRule
			ListTargets PutTargets TestEventPattern`, onBuses),
		Statement{
			Effect: "Allow", Action: []string{"ram:CreateServiceLinkedRole"}, Resource: []string{"*"},
			Condition: map[string]map[string][]string{"StringEquals": {"ram:ServiceName": {"sendevent-fc.eventbridge.aliyuncs.com"}}},
		},
		// Whatever else allows it: a deployer must not change its own rights, and not
		// those of people.
		Statement{Effect: "Deny", Action: []string{"ram:*"}, Resource: []string{
			"acs:ram:*:<account>:role/" + Name(Deployer) + "*", "acs:ram:*:<account>:policy/" + Name(Deployer) + "*",
			"acs:ram:*:<account>:policy/" + Name(Operator), "acs:ram:*:<account>:policy/" + Name(Submitter),
		}},
	)
}
