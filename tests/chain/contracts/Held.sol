// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// What owners may hold: one contract of each kind, with a mint that anybody may call.

contract Collection is ERC721("Collection", "NFT") {
    function mint(address owner, uint256 id) external {
        _mint(owner, id);
    }
}

contract Items is ERC1155("") {
    function mint(address owner, uint256 id, uint256 amount) external {
        _mint(owner, id, amount, "");
    }
}

contract Coin is ERC20("Coin", "COIN") {
    uint8 private immutable _decimals;

    constructor(uint8 decimals_) {
        _decimals = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function mint(address owner, uint256 amount) external {
        _mint(owner, amount);
    }
}

contract Vault is ERC4626 {
    constructor(IERC20 asset_) ERC20("Vault", "vCOIN") ERC4626(asset_) {}
}

/// Answers nothing that it is asked.
contract Mute {
    fallback() external {}
}

/// Says that it holds NFTs, and breaks off when it is asked how many.
contract Stubborn {
    function supportsInterface(bytes4) external pure returns (bool) {
        return true;
    }

    function balanceOf(address) external pure returns (uint256) {
        revert("not today");
    }
}

/// A coin of more decimals than anybody can count in.
contract TooFine {
    function decimals() external pure returns (uint8) {
        return 77;
    }
}
