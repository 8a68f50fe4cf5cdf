#pragma once

#include "sluice/auth/known_hosts.hpp"
#include "sluice/crypto/key.hpp"
#include "sluice/wire/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// The known_hosts files of a client. Files that are not there know nobody.
class known_hosts_files {
public:
    /// ~/.ssh/known_hosts and known_hosts2, then the system's, as ssh(1).
    static std::vector<std::string> usual();

    explicit known_hosts_files(std::vector<std::string> paths) : paths_(std::move(paths)) {}

    /// Errors: of the first file that is there and cannot be read, too_long; the others count.
    error_code load();

    /// What load() gave. While there is one, nobody knows what the file says: nothing is added to
    /// the files or taken out of them, and a key that is unknown is to be refused.
    const error_code& error() const { return error_; }

    /// Has the lines count behind those of the files, in place of those of the last call.
    void put_beside(known_hosts lines);

    const known_hosts& hosts() const { return hosts_; }
    /// "FILE:LINE" of what a lookup found.
    std::string place(const known_hosts::match& found) const;

    /// Whether the first file is /dev/null: what is added there is gone, as was wished.
    bool keeps_nothing() const { return !paths_.empty() && paths_.front() == "/dev/null"; }

    /// Appends a key to the first file, which is made where it is not there, with its folder.
    /// Errors: those of the system; bad_value for a name that no line could hold.
    error_code add(std::string_view host, std::uint16_t port, const crypto::public_key& key,
                   bool hashed);

    /// Takes these lines, which were there when the files were read, out of the first file; those
    /// that have changed since stay. Errors: those of the system.
    error_code remove(const std::vector<std::size_t>& lines);

private:
    std::vector<std::string> paths_;
    known_hosts hosts_;
    std::optional<known_hosts> of_files_;  // where there are others beside them
    error_code error_;
    std::string first_text_;  // of the first file, as it was read
};

/// Where ssh(1) keeps a user's files: the .ssh folder of the home directory, or nothing.
std::string ssh_folder();

}  // namespace sluice
