// Package setup makes, compares and removes what a deployment needs of an account
// beside its functions, tables and rules: roles and policies in Resource Access
// Management (RAM), and a log project with its logstore, index, dashboards and alert
// rules in Simple Log Service (SLS).
//
// Each step is a Plan: it reads what the services show, and says in words what it
// would change. Apply makes the changes, and reads again until nothing is left. What
// exists is known by its name; only the members that are Aftercare's are compared,
// and documents are compared as what they mean. An error is never taken for "does not
// exist": only the services' own codes for that are.
//
// It is for the operator's tool. The functions do not link it.
package setup
