// Package flow compiles a flows file into rules, and tells for an event which
// flows start and what each of their runs will do. It is pure: it reads no
// file and no clock, makes no call, and knows events only as its own type
// Event. It does not run plans, and it does not look for loops between flows.
//
// The file is YAML without tags, merge keys and further documents:
//
//	version: 1
//	flows:
//	  - name: collect-logs            # [a-z0-9][a-z0-9-]{0,62}, once in the file
//	    on: task-completed            # or first-heartbeat
//	    when: event.exitCode != 0     # optional: without it, always
//	    steps:                        # 1 to 20, in order
//	      - id: collect               # like a name, once in the flow
//	        run:
//	          type: RunShellScript    # or RunPowerShellScript, RunBatScript
//	          content: tail "$log"
//	          timeout: 60s            # optional, whole seconds, 10s to 24h
//	          workingDir: /opt        # optional, at most 200 characters
//	          username: root          # optional, at most 255 characters
//	          name: logs              # optional, at most 93 characters;
//	                                  # without it <flow>/<step>
//	          parameters:             # optional, at most 20; see package script
//	            log: /var/log/${{ event.commandName }}.log
//
// Every key that is not listed here is a fault, and Compile reports all faults
// at once, each with its place in the file, also those inside expressions.
// Only the mistakes of one expression's syntax or types come one at a time.
//
// Expressions are those of expr-lang, type-checked against the fields that an
// event of the flow's kind has. They stand in `when`, which must be true or
// false, and between ${{ and }} in the values of parameters, where text,
// numbers, true and false become text. There are no clocks, no variables, no
// loops inside loops and no functions that make text longer, so that an
// evaluation is bounded by the length of the expression and of the event, and
// always has the same result.
package flow
