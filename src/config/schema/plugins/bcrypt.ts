import { compatibility, later, option } from "../../option.ts";
import { integer, numberOr } from "../../type/number.ts";
import { enumeration } from "../../type/text.ts";

const NATIVE = compatibility("password hashing needs no pool of this kind");
const sizeOrAuto = numberOr(integer({ min: 1 }), { auto: 0 });

/** Hashing of passwords for databases. */
export const bcrypt = {
  "vmq_bcrypt.default_log_rounds": option(integer({ min: 4, max: 31 }), "12", {
    doc: "How costly new password hashes are: the binary logarithm of the number of rounds.",
    visibility: "live",
    status: later("authentication by scripts and databases"),
  }),
  "vmq_bcrypt.mechanism": option(enumeration("nif", "port"), "port", {
    doc: "How hashes are computed.",
    status: NATIVE,
  }),
  "vmq_bcrypt.nif_pool_max_overflow": option(integer({ min: 0 }), "10", {
    doc: "By how much the pool may grow.",
    status: NATIVE,
  }),
  "vmq_bcrypt.nif_pool_size": option(sizeOrAuto, "4", { doc: "The size of the inner pool.", status: NATIVE }),
  "vmq_bcrypt.pool_size": option(sizeOrAuto, "1", { doc: "The size of the outer pool.", status: NATIVE }),
};
