package setup

import (
	"fmt"
	"strings"
)

// Print returns what an administrator applies in place of 'aftercare setup roles': a
// shell script that makes the roles and policies with the vendor's command line. Each
// document stands in it whole. Names must be complete.
func Print(functions []string, names Names) string {
	all := Policies()
	var out strings.Builder
	out.WriteString(`# The roles of Aftercare's functions, for an administrator of the account
# ` + names.Account + `. Run it with the vendor's command line (aliyun). What exists
# already is refused: change it with UpdateRole and CreatePolicyVersion
# --SetAsDefault true.
`)
	for _, f := range functions {
		name := Name(f)
		fmt.Fprintf(&out, `
aliyun ram CreateRole --RoleName %[1]s --Description %[2]s \
  --AssumeRolePolicyDocument %[3]s
aliyun ram CreatePolicy --PolicyName %[1]s --Description %[2]s \
  --PolicyDocument %[4]s
aliyun ram AttachPolicyToRole --PolicyType Custom --PolicyName %[1]s --RoleName %[1]s
`, name, quote(description), quote(all[Trust].String()), quote(all[f].With(names).String()))
	}
	out.WriteString("\n# For people: give an operator, who submits commands, and who deploys these policies.\n")
	for _, who := range []string{Operator, Submitter, Deployer} {
		fmt.Fprintf(&out, "aliyun ram CreatePolicy --PolicyName %s --PolicyDocument %s\n", Name(who), quote(all[who].With(names).String()))
	}
	return out.String()
}

// quote makes one word of a text for a shell.
func quote(text string) string {
	return "'" + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "'", `'\''`) + "'"
}
