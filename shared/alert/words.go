package alert

import (
	"fmt"
	"strings"

	"aftercare/shared/decide"
)

// words are those of one language.
type words struct {
	headings map[decide.AlertKind]string
	other    string // the heading of any other kind
	// next is what Aftercare does about a kind by itself. A kind that is not here
	// has all in its summary.
	next     map[decide.AlertKind]string
	requeued string
	// cutNote and startNote stand for bytes that are cut off the end and the
	// start.
	cutNote, startNote func(n int) string
	on                 string // between a command and its instance
	exitCode           string // a format
	comma              string
	// standard is the default template.
	standard string
}

func (w *words) heading(kind decide.AlertKind) string {
	if h, ok := w.headings[kind]; ok {
		return h
	}
	return w.other
}

// maxName is the longest name in a title, in bytes.
const maxName = 100

// about names the flow or the command, and the instance.
func (w *words) about(e Entry) string {
	what := e.CommandName
	if e.Flow != "" && (what == "" || ofFlow[e.Kind]) {
		what = e.Flow
	}
	what, instance := w.cut(what, maxName), w.cut(e.InstanceID, maxName)
	switch {
	case what == "":
		return instance
	case instance == "":
		return what
	}
	return what + w.on + instance
}

// ofFlow are the kinds that are about a flow rather than a command.
var ofFlow = map[decide.AlertKind]bool{
	decide.AlertFlow: true, decide.AlertFlowFailed: true, decide.AlertFlowLimit: true, decide.AlertFlowStopped: true,
	decide.AlertBreakerOpened: true,
}

// why joins the status, the exit code and the error.
func (w *words) why(e Entry) string {
	var parts []string
	if e.Status != "" {
		parts = append(parts, e.Status)
	}
	if e.ExitCode != nil {
		parts = append(parts, fmt.Sprintf(w.exitCode, *e.ExitCode))
	}
	if e.ErrorCode != "" {
		parts = append(parts, e.ErrorCode)
	}
	if e.ErrorDesc != "" {
		parts = append(parts, e.ErrorDesc)
	}
	return strings.Join(parts, w.comma)
}

var english = &words{
	headings: map[decide.AlertKind]string{
		decide.AlertExecution:      "Command ended badly",
		decide.AlertFlowStopped:    "Flow stopped",
		decide.AlertOutcomeUnknown: "Outcome unknown",
		decide.AlertTaskExpired:    "Command expired",
		decide.AlertBootDeadline:   "Instance not bootable in time",
		decide.AlertTaskInvalid:    "Command refused",
		decide.AlertTaskDenied:     "Command lacks a right",
		decide.AlertFlow:           "Alert from a flow",
		decide.AlertFlowFailed:     "Flow failed",
		decide.AlertFlowLimit:      "Flow reached its limit",
		decide.AlertBreakerOpened:  "Flow stopped everywhere",
		decide.AlertRepairs:        "Sweeps repair too much",
		decide.AlertGivenUp:        "A channel took no alerts",
		decide.AlertQuarantine:     "Input in quarantine",
		decide.AlertDeadLetters:    "Events not delivered",
		decide.AlertRefused:        "Submission refused",
		decide.AlertQuota:          "Daily quota used up",
		decide.AlertRight:          "A function lacks a right",
		decide.AlertSweepMissing:   "No sweep comes",
		decide.AlertEventsSilent:   "No events of ended commands",
	},
	other: "Alert",
	next: map[decide.AlertKind]string{
		decide.AlertOutcomeUnknown: "It does not send the command again, because that may have run.",
		decide.AlertTaskExpired:    "It does not run the command. Submit it again if it is still needed.",
		decide.AlertBootDeadline:   "It runs the command once the instance is bootable.",
		decide.AlertTaskInvalid:    "It does not run the command. Correct it and submit it again.",
		decide.AlertTaskDenied:     "It tries the command again until it expires. Grant the right.",
		decide.AlertFlowLimit:      "It starts the flow here again when the limit allows that.",
		decide.AlertBreakerOpened:  "It starts the flow again when the breaker closes.",
		decide.AlertQuarantine:     "It keeps the input, and does nothing with it. Look why it came, and send it again once it can be read.",
		decide.AlertDeadLetters:    "It keeps them. Mend why they could not be delivered, and send them again.",
		decide.AlertRefused:        "It does not run the command. Correct what submits it.",
		decide.AlertQuota:          "It sends them in their order when the quota's day is over.",
		decide.AlertRight:          "It tries again. Compare the function's role with its policy in scripts/ram.",
		decide.AlertSweepMissing:   "It takes events, but what waits for a time or for another try stays undone. Look at the log and the timer of the function sweep.",
		decide.AlertEventsSilent:   "It asks for the ends that it waits for, late. Flows and alerts on other commands do not start. Look at the rule of task-completed and its dead letters.",
	},
	requeued:  "The script never started; its task waits in the queue again.",
	cutNote:   func(n int) string { return fmt.Sprintf("… (%d bytes cut)", n) },
	startNote: func(n int) string { return fmt.Sprintf("(%d bytes cut) …\n", n) },
	on:        " on ",
	exitCode:  "exit code %d",
	comma:     ", ",
	standard: `{{define "title" -}}
{{if .Over}}Recovered{{else if .Repeat}}Still open{{else if not .Firing}}Partly recovered{{else}}{{or (upper .Severity) "ALERT"}}{{end -}}
{{with .First}}: {{.Heading}}{{with .About}}: {{.}}{{end}}{{end}}{{with .Others}} and {{.}} more{{end}}
{{- end -}}
{{if or .Repeat .Others (gt .Open 1)}}
{{bold "Count"}}: {{if .Repeat}}{{.Open}} still open{{else}}{{.Firing}} firing{{if .Recovered}}, {{.Recovered}} recovered{{end}}{{if .Open}}, {{.Open}} open in all{{end}}{{end}}
{{- end}}
{{- with .By}}
{{bold "Group"}}: {{join ", " .}}
{{- end}}
{{- with .First}}
{{- with .Summary}}
{{bold "What"}}: {{.}}
{{- end}}
{{- if or .InstanceID .Region}}
{{bold "Where"}}: {{.InstanceID}}{{if and .InstanceID .Region}}, {{end}}{{.Region}}
{{- end}}
{{- with .CommandName}}
{{bold "Command"}}: {{.}}
{{- end}}
{{- if .Flow}}
{{bold "Flow"}}: {{.Flow}}{{with .Step}}, step {{.}}{{end}}
{{- end}}
{{- with .Why}}
{{bold "Why"}}: {{.}}
{{- end}}
{{- with .Next}}
{{bold "Aftercare"}}: {{.}}
{{- end}}
{{- with .Output}}
{{bold "Last output"}}:
{{quote .}}
{{- end}}
{{- range .Look}}
{{bold "Look"}}: {{code .}}
{{- end}}
{{- with .Runbook}}
{{bold "Runbook"}}: {{link .}}
{{- end}}
{{- with time .At}}
{{bold "Time"}}: {{.}}
{{- end}}
{{- end}}
{{- range $i, $a := .Alerts}}{{if $i}}
• {{if .Recovered}}Recovered: {{end}}{{.Heading}}{{with .About}}: {{.}}{{end}}{{with .Why}} ({{.}}){{end}}
{{- end}}{{end}}
{{- if .More}}
{{bold (printf "%d more like this" .More)}}
{{- end}}
{{- with .Acknowledge}}
{{bold "Stop repeats"}}: {{code .}}
{{- end}}`,
}

var chinese = &words{
	headings: map[decide.AlertKind]string{
		decide.AlertExecution:      "命令执行失败",
		decide.AlertFlowStopped:    "流程被停止",
		decide.AlertOutcomeUnknown: "命令结果未知",
		decide.AlertTaskExpired:    "命令已过期",
		decide.AlertBootDeadline:   "实例未按时就绪",
		decide.AlertTaskInvalid:    "命令被拒绝",
		decide.AlertTaskDenied:     "命令缺少权限",
		decide.AlertFlow:           "流程告警",
		decide.AlertFlowFailed:     "流程失败",
		decide.AlertFlowLimit:      "流程达到次数上限",
		decide.AlertBreakerOpened:  "流程已全面熔断",
		decide.AlertRepairs:        "巡检修复过多",
		decide.AlertGivenUp:        "渠道一天未收告警",
		decide.AlertQuarantine:     "有输入被隔离",
		decide.AlertDeadLetters:    "有事件未能投递",
		decide.AlertRefused:        "提交被拒绝",
		decide.AlertQuota:          "当日配额已用完",
		decide.AlertRight:          "函数缺少权限",
		decide.AlertSweepMissing:   "巡检没有运行",
		decide.AlertEventsSilent:   "收不到命令结束事件",
	},
	other: "告警",
	next: map[decide.AlertKind]string{
		decide.AlertOutcomeUnknown: "命令可能已经执行，不会再次发送。",
		decide.AlertTaskExpired:    "该命令不会执行；如仍需要，请重新提交。",
		decide.AlertBootDeadline:   "实例就绪后会执行该命令。",
		decide.AlertTaskInvalid:    "该命令不会执行；请修正后重新提交。",
		decide.AlertTaskDenied:     "过期之前会不断重试；请授予权限。",
		decide.AlertFlowLimit:      "次数允许时会在此实例上再次启动该流程。",
		decide.AlertBreakerOpened:  "熔断结束后会再次启动该流程。",
		decide.AlertQuarantine:     "输入已保留，不会被处理；请查明来源，修正后重新发送。",
		decide.AlertDeadLetters:    "事件已保留；请排除投递失败的原因，然后重新发送。",
		decide.AlertRefused:        "该命令不会执行；请修正提交方。",
		decide.AlertQuota:          "配额日结束后会按顺序发送。",
		decide.AlertRight:          "会不断重试；请将函数的角色与 scripts/ram 中的策略对照。",
		decide.AlertSweepMissing:   "事件仍会处理，但等待时间或重试的工作不会进行；请检查函数 sweep 的日志和定时触发器。",
		decide.AlertEventsSilent:   "仍会主动查询所等待的结束结果，但有延迟；其他命令不会触发流程和告警；请检查 task-completed 的规则及其死信。",
	},
	requeued:  "脚本没有开始执行，任务已重新排队。",
	cutNote:   func(n int) string { return fmt.Sprintf("…（已截去 %d 字节）", n) },
	startNote: func(n int) string { return fmt.Sprintf("（已截去 %d 字节）…\n", n) },
	on:        " @ ",
	exitCode:  "退出码 %d",
	comma:     "，",
	standard: `{{define "title" -}}
{{if .Over}}已恢复{{else if .Repeat}}仍未恢复{{else if not .Firing}}部分恢复{{else if eq .Severity "critical"}}紧急{{else if eq .Severity "warning"}}警告{{else if eq .Severity "info"}}通知{{else}}错误{{end -}}
{{with .First}}：{{.Heading}}{{with .About}}：{{.}}{{end}}{{end}}{{with .Others}}，另有 {{.}} 条{{end}}
{{- end -}}
{{if or .Repeat .Others (gt .Open 1)}}
{{bold "数量"}}：{{if .Repeat}}{{.Open}} 条仍未恢复{{else}}{{.Firing}} 条告警{{if .Recovered}}，{{.Recovered}} 条恢复{{end}}{{if .Open}}，共 {{.Open}} 条未恢复{{end}}{{end}}
{{- end}}
{{- with .By}}
{{bold "分组"}}：{{join "，" .}}
{{- end}}
{{- with .First}}
{{- with .Summary}}
{{bold "详情"}}：{{.}}
{{- end}}
{{- if or .InstanceID .Region}}
{{bold "位置"}}：{{.InstanceID}}{{if and .InstanceID .Region}}，{{end}}{{.Region}}
{{- end}}
{{- with .CommandName}}
{{bold "命令"}}：{{.}}
{{- end}}
{{- if .Flow}}
{{bold "流程"}}：{{.Flow}}{{with .Step}}，步骤 {{.}}{{end}}
{{- end}}
{{- with .Why}}
{{bold "原因"}}：{{.}}
{{- end}}
{{- with .Next}}
{{bold "后续"}}：{{.}}
{{- end}}
{{- with .Output}}
{{bold "输出结尾"}}：
{{quote .}}
{{- end}}
{{- range .Look}}
{{bold "查看"}}：{{code .}}
{{- end}}
{{- with .Runbook}}
{{bold "处理手册"}}：{{link .}}
{{- end}}
{{- with time .At}}
{{bold "时间"}}：{{.}}
{{- end}}
{{- end}}
{{- range $i, $a := .Alerts}}{{if $i}}
• {{if .Recovered}}已恢复：{{end}}{{.Heading}}{{with .About}}：{{.}}{{end}}{{with .Why}}（{{.}}）{{end}}
{{- end}}{{end}}
{{- if .More}}
{{bold (printf "另有 %d 条类似告警" .More)}}
{{- end}}
{{- with .Acknowledge}}
{{bold "停止重复"}}：{{code .}}
{{- end}}`,
}
