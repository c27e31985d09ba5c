// Package command defines commands, and knows what Cloud Assistant and its
// agent do with them: the name on the wire, the user and folder, the script and
// its parameters. Check finds whatever would be refused, or would not run as
// its author meant; Text corrects what can be corrected without guessing. It is pure, and imports no other package of Aftercare.
//
// The rules below are everything known to change what becomes of a script. [agent] is
// the public source of the agent, github.com/aliyun/aliyun_assist_client;
// [api] the documentation of RunCommand and InvokeCommand; [linux] execve(2)
// and the kernel's binfmt_script; [own] a decision of Aftercare. What the
// service does between the API and the agent is not public. Each rule is named
// by a test here or, for what happens on the instance, in shared/assistant or
// tests/localcloud/ecs.
//
// # Names
//
//  1. The agent saves a script as <folder>/<name>-<invoke id>.sh and runs
//     sh -c <that path>, without quotes: a blank in the name keeps the script
//     from starting, a slash loses its #! line, and $(x) would run x. So the
//     name on the wire is one word, <slug>.<task id>. [agent]
//  2. A given name has 1 to 128 characters in any script of the world, no
//     control characters, and no white space at its ends. [api, own]
//  3. While a script runs, it is a file that every user of the instance can
//     read, with its parameters; agents of 2024 and before leave it there. [agent]
//
// # Users and folders
//
//  4. A user's name is put into a shell command without quotes, so it has
//     letters, digits, . _ and - only, and does not begin with -. [agent]
//  5. root on Linux and System on Windows are the defaults, and never named:
//     older agents refuse root, and put a named user's script into /tmp. [agent]
//  6. On Windows, another user than System needs a saved password, which
//     Aftercare does not offer. [api]
//  7. A working folder is an absolute path of at most 200 characters: a
//     relative one would be relative to the agent. Without one, it is the
//     user's home folder. [agent, api]
//
// # Scripts
//
//  8. A script is UTF-8 and not blank. It has no control characters but tab
//     and line ends: shells skip, drop or choke on a NUL. [own]
//  9. A byte order mark in front is removed, because it hides the #! line. One
//     elsewhere is refused. [linux]
//  10. CR LF becomes LF: the kernel would look for an interpreter whose name
//     ends with CR, and a shell would add CR to the last word. The agent turns
//     LF into CR LF for Windows. A CR that ends no line is refused. [agent, linux]
//  11. Without a #! line, or with one that names nothing, sh runs a script. [linux]
//  12. A #! line behind blank lines, comments or invisible characters does
//     nothing, nor does one that is misspelt as # !/, !#/ or #/bin/. They are
//     refused, and so are invisible characters in a #! line. [linux]
//  13. The interpreter in a #! line is an absolute path. [linux]
//  14. A #! line has at most 127 bytes, which is all that Linux before 5.1
//     reads of it. [linux]
//  15. What follows the interpreter in a #! line is one argument, blanks
//     included. So several are refused, but after env -S, which splits them,
//     and for perl, which reads the line itself. (env has -S since coreutils
//     8.30, of 2018; older Linux ends with 127.) A shell's must be an option,
//     and not -c or -s, or it would not run the script. [linux]
//  16. env in a #! line names a program: alone, it would print the environment
//     and succeed. [own]
//  17. On Windows a #! line means nothing. It is refused, but for one that names
//     pwsh or powershell, for scripts that also run elsewhere. [own]
//  18. On a Chinese Windows the agent converts a script to GBK; a single
//     character that GBK lacks, such as an emoji, makes it an empty script that
//     succeeds. So those are refused. [agent] An English Windows reads
//     characters beyond ASCII right with agents newer than 2024 only; pass
//     them in parameters.
//  19. A script has at most 24 KB as base64, its parameters included. [api]
//
// # Parameters
//
//  20. A run's parameters become environment variables, by lines that are put
//     before the script, or behind its #! line. Their values travel as base64,
//     so nothing reads them as code. sh, bash and PowerShell take at most 20;
//     PowerShell scripts that begin with a param block, a using statement, an
//     attribute or a named block such as process { }, batch files and other
//     interpreters take none. [own]
//  21. A parameter's name is one of an environment variable that means nothing
//     to shells, the dynamic linker or the programs that a script calls. [own]
//  22. An invoke's parameters are put into a script by the service without
//     quotes, so their values have A-Z a-z 0-9 _ . : / @ = + , - only. There
//     are at most 10, with names of 64 bytes in which case does not count, and
//     18,432 bytes of names and values. [api]
//  23. EnableParameter is false for a run, so that {{ }} in a script stays as it
//     is. [api]
//
// # Running and ending
//
//  24. A timeout is 10 s to 24 h in whole seconds; without one it is 60 s, or
//     what was saved with the command. [api]
//  25. By default, only the shell ends when a command is stopped or its time is
//     over, and its children run on. Commands are sent with TerminationMode
//     ProcessTree. [agent]
//  26. A script that ends with 193 powers its instance off, one that ends with
//     194 reboots it; 3009 and 3010 do so on Windows. [api]
//  27. The service keeps 24 KB of what a script prints: the first 6,000 bytes
//     and the last. [agent]
package command
