import type { Job } from 'bullmq';

/**
 * Another try for a job that failed to its last one: its copy is kept for a week, and would answer for whatever is asked
 * again. Another bot may be faster, or it ended just now: then there is nothing to do. Rejects when it is failed still,
 * as while Redis refuses to write: whoever asked must not be told that it is stored.
 */
export async function retryFailed(job: Pick<Job, 'isFailed' | 'retry'>): Promise<void> {
  if (!(await job.isFailed())) return;
  try {
    await job.retry();
  } catch (error) {
    if (await job.isFailed()) throw error;
  }
}
