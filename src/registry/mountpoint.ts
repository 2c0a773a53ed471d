import type { QueueContext } from "../queue/queue-context.ts";
import type { RetainedStore } from "../retained/retained-store.ts";
import type { Router } from "../routing/router.ts";
import type { SharedGroups } from "../routing/shared-groups.ts";
import type { SubscriptionIndex } from "../routing/subscription-index.ts";
import type { TopicTable } from "../routing/topic-table.ts";

/** One topic tree with its own client ids: nothing passes from one mountpoint to another. */
export interface Mountpoint {
  /** The empty text for the tree without a name. */
  readonly name: string;
  readonly topics: TopicTable;
  readonly index: SubscriptionIndex;
  readonly groups: SharedGroups;
  readonly retained: RetainedStore;
  readonly router: Router;
  readonly queues: QueueContext;
}
