# What kubewright may change by itself, what people have to approve, and what it never does.
#
# A policy file of your own (automation.policy in the settings) replaces this one. It must be Rego v1 in this package and
# define `decision`. kubewright asks once for every Action of a Plan; the strictest verdict holds for the whole Plan.
# Anything but a conforming answer (an error, undefined, another shape, more than two seconds) denies.
#
# Answer: decision := {"verdict": "allow" | "needs_approval" | "deny", "reasons": [at least one sentence]}
#
# Input:
#   automation.level                 0 observe only, 1 ask for everything, 2 small repairs alone, 3 all that is allowed here
#   automation.protected_namespaces  glob patterns
#   automation.freeze_windows        [{reason, from, until}], RFC 3339
#   cluster, environment             from the settings, e.g. "production"
#   namespace                        of the target; "" for cluster-wide objects (Node)
#   action.kind                      restart_workload, roll_back, scale, set_resources, delete_pod, raise_hpa_maximum,
#                                    cordon, uncordon
#   action.target                    {kind, namespace, name}
#   action.arguments                 the other fields: to_revision, replicas, container, requests, limits, uid, max_replicas
#   pods_affected                    pods that this Action touches
#   total_pods                       pods of the workloads that the Plan touches; 0 unknown
#   plan                             {actions, pods_affected} of the whole Plan
#   blast_radius                     0 to 1, of the whole Plan, from its pods, their share, the environment and namespace
#   node_ready                       whether the node (target, or the pod's) is Ready; null none or unknown
#   ready_nodes                      Ready nodes of the cluster; null unknown
#   hypothesis                       {code, confidence 0 to 1, proposer: rule | agent}
#   attempt                          repair attempt of the incident, from 1
#   now                              RFC 3339
#   tainted                          true if text that agents read tried to give them instructions
#   from_chat                        true if the Plan was proposed in chat: people are asked then, whatever is decided here
package kubewright.remediation

import rego.v1

# At level 2 only repairs with a smaller blast radius are made without asking.
small := 0.5

# Above this even level 3 asks.
very_large := 0.8

# At level 2 the cause must be this certain.
sure := 0.8

# At level 3 it must be at least this likely.
likely := 0.5

reversible := {"roll_back", "scale", "set_resources", "raise_hpa_maximum", "cordon", "uncordon"}

known := reversible | {"restart_workload", "delete_pod"}

decision := {"verdict": "deny", "reasons": sort(denials)} if {
	count(denials) > 0
} else := {"verdict": "needs_approval", "reasons": sort(questions)} if {
	count(questions) > 0
} else := {"verdict": "allow", "reasons": sort(grants)} if {
	count(grants) > 0
} else := {"verdict": "deny", "reasons": ["no rule of the policy allows this"]}

# --- never ---

denials contains "the policy was not told all that it has to know" if not complete

denials contains "automation level 0: kubewright only observes" if input.automation.level == 0

denials contains sprintf("automation level %v is not known", [input.automation.level]) if {
	not input.automation.level in {0, 1, 2, 3}
}

denials contains sprintf("action %v is not known", [input.action.kind]) if not input.action.kind in known

denials contains sprintf("namespace %s is protected (%s)", [input.namespace, pattern]) if {
	input.namespace != ""
	some pattern in input.automation.protected_namespaces
	glob.match(pattern, null, input.namespace)
}

denials contains "it would leave no node for new pods" if {
	input.action.kind == "cordon"
	input.node_ready == true
	is_number(input.ready_nodes)
	input.ready_nodes <= 1
}

# Every field that a rule below looks at: a missing one would make that rule silent.
complete if {
	is_number(input.automation.level)
	is_array(input.automation.protected_namespaces)
	is_array(input.automation.freeze_windows)
	is_string(input.environment)
	is_string(input.namespace)
	is_string(input.action.kind)
	is_string(input.action.target.kind)
	is_string(input.action.target.name)
	is_number(input.blast_radius)
	is_number(input.hypothesis.confidence)
	is_string(input.hypothesis.proposer)
	is_number(input.attempt)
	is_string(input.now)
	is_boolean(input.tainted)
	some_node_state
}

some_node_state if is_boolean(input.node_ready)

some_node_state if is_null(input.node_ready)

# --- ask first ---

questions contains "automation level 1: people approve everything" if input.automation.level == 1

questions contains sprintf("frozen until %s: %s", [window.until, window.reason]) if {
	some window in input.automation.freeze_windows
	now := time.parse_rfc3339_ns(input.now)
	now >= time.parse_rfc3339_ns(window.from)
	now < time.parse_rfc3339_ns(window.until)
}

questions contains "text that the agents read tried to give them instructions" if input.tainted

questions contains "an agent, not a rule, found the cause or drafted the repair" if {
	input.automation.level < 3
	input.hypothesis.proposer != "rule"
}

questions contains sprintf("blast radius %v is not small (below %v)", [radius, small]) if {
	input.automation.level == 2
	not harmless
	input.blast_radius >= small
}

questions contains sprintf("%s cannot be undone", [input.action.kind]) if {
	input.automation.level == 2
	not harmless
	not input.action.kind in reversible
}

questions contains sprintf("the cause is only %v %% certain (level 2 wants %v %%)", [percent, sure * 100]) if {
	input.automation.level == 2
	input.hypothesis.confidence < sure
}

questions contains sprintf("it is attempt %v: an earlier repair did not help", [input.attempt]) if {
	input.automation.level == 2
	input.attempt > 1
}

questions contains "the node works, or it is not known whether it does" if {
	input.automation.level == 2
	input.action.kind == "cordon"
	not harmless
}

questions contains sprintf("blast radius %v is very large (%v and more)", [radius, very_large]) if {
	input.automation.level == 3
	input.blast_radius >= very_large
}

questions contains sprintf("the cause is only %v %% certain (level 3 wants %v %%)", [percent, likely * 100]) if {
	input.automation.level == 3
	input.hypothesis.confidence < likely
}

# What is on a node that is not Ready does not run anyway.
harmless if {
	input.action.kind in {"cordon", "delete_pod"}
	input.node_ready == false
}

# --- go ahead ---

grants contains sprintf("automation level %v allows it: blast radius %v, cause %v %% certain", [
	input.automation.level,
	radius,
	percent,
]) if {
	input.automation.level in {2, 3}
}

radius := round(input.blast_radius * 100) / 100

percent := round(input.hypothesis.confidence * 100)
