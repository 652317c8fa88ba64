/** Name of the alert of a collector about a killed child: what others call an OOM kill at that time is the same. */
export const CHILD_KILL = 'oom_kill of a child';
